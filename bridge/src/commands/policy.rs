//! `pkcs11-bridge policy`: the policy by which a browser lets sites reach this computer without a
//! question. Browsers call that local network access.
//!
//! Chrome and Edge have a list for this computer from version 146 on, and one for the local network
//! and this computer before. Firefox has one list of hosts. Sites on it may reach everything local.

use std::collections::BTreeSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use crate::access::approvals::{StateError, StateFile, Validity, now};
use crate::access::origin::Origin;
use crate::cli::{PolicyArgs, PolicyBrowser, PolicyFormat};
use crate::config::{ConfigError, origin_settings};

#[derive(Debug, thiserror::Error)]
pub(crate) enum PolicyError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(
        "no site is configured or approved, so there is no policy to print; name sites with \
         --origin"
    )]
    NoOrigin,
    #[error("cannot write the policy: {0}")]
    Output(#[from] io::Error),
}

pub(super) fn run(args: PolicyArgs) -> Result<(), PolicyError> {
    let PolicyArgs { browser, origins, format, config, state_file } = args;
    let mut origins: BTreeSet<_> = origins.into_iter().collect();
    if origins.is_empty() {
        let (allowed, _) = origin_settings(config.as_deref())?;
        let file = state_file.map(StateFile::at).or_else(StateFile::in_home);
        let decisions = file.map(|file| file.read()).transpose()?.unwrap_or_default();
        let now = now();
        let approved = decisions.origins.iter().filter(|(origin, record)| {
            record.validity(now) == Validity::Valid && !allowed.forbids(origin)
        });
        origins.extend(approved.map(|(origin, _)| origin.clone()));
        origins.extend(allowed.iter().cloned());
        origins.retain(|origin| !decisions.blocked.contains_key(origin));
    }
    if origins.is_empty() {
        return Err(PolicyError::NoOrigin);
    }
    let policy = Policy::new(browser, &origins);
    io::stdout().lock().write_all(policy.text(format).as_bytes())?;
    Ok(())
}

/// Lists of sites, each under the names that lead to it.
struct Policy {
    browser: PolicyBrowser,
    lists: Vec<(&'static [&'static str], Vec<String>)>,
}

impl Policy {
    fn new(browser: PolicyBrowser, origins: &BTreeSet<Origin>) -> Self {
        let sites: Vec<_> = origins.iter().map(|origin| origin.as_str().to_owned()).collect();
        let lists: Vec<(&'static [&'static str], _)> = match browser {
            PolicyBrowser::Chrome | PolicyBrowser::Edge => vec![
                (&["LoopbackNetworkAllowedForUrls"], sites.clone()),
                (&["LocalNetworkAccessAllowedForUrls"], sites),
            ],
            PolicyBrowser::Firefox => {
                let hosts: BTreeSet<_> = sites.iter().filter_map(|site| host(site)).collect();
                vec![(&["LocalNetworkAccess", "SkipDomains"], hosts.into_iter().collect())]
            }
        };
        Self { browser, lists }
    }

    fn text(&self, format: PolicyFormat) -> String {
        match format {
            PolicyFormat::Json => self.json(),
            PolicyFormat::Reg => self.registry_file(),
            PolicyFormat::Plist => self.property_list(),
        }
    }

    fn json(&self) -> String {
        let mut policies = Value::Object(serde_json::Map::new());
        for (names, sites) in &self.lists {
            let nested =
                names.iter().rev().fold(json!(sites), |value, name| json!({ *name: value }));
            if let (Value::Object(all), Value::Object(nested)) = (&mut policies, nested) {
                all.extend(nested);
            }
        }
        let policies = match self.browser {
            PolicyBrowser::Chrome | PolicyBrowser::Edge => policies,
            PolicyBrowser::Firefox => json!({ "policies": policies }),
        };
        format!("{policies:#}\n")
    }

    /// For `regedit`, which reads lines that end with CR and LF.
    fn registry_file(&self) -> String {
        let key = match self.browser {
            PolicyBrowser::Chrome => r"Google\Chrome",
            PolicyBrowser::Edge => r"Microsoft\Edge",
            PolicyBrowser::Firefox => r"Mozilla\Firefox",
        };
        let mut lines = vec!["Windows Registry Editor Version 5.00".to_owned()];
        for (names, sites) in &self.lists {
            let names = names.join(r"\");
            lines.push(String::new());
            lines.push(format!(r"[HKEY_LOCAL_MACHINE\SOFTWARE\Policies\{key}\{names}]"));
            // An origin has no quote and no backslash.
            lines.extend((1..).zip(sites).map(|(number, site)| format!("\"{number}\"=\"{site}\"")));
        }
        lines.push(String::new());
        lines.join("\r\n")
    }

    /// The preferences of the browser, for a configuration profile.
    fn property_list(&self) -> String {
        let mut lines = vec![
            r#"<?xml version="1.0" encoding="UTF-8"?>"#.to_owned(),
            r#"<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">"#
                .to_owned(),
            r#"<plist version="1.0">"#.to_owned(),
            "<dict>".to_owned(),
        ];
        if self.browser == PolicyBrowser::Firefox {
            lines.push("<key>EnterprisePoliciesEnabled</key>".to_owned());
            lines.push("<true/>".to_owned());
        }
        for (names, sites) in &self.lists {
            let mut ends = 0;
            for (index, name) in names.iter().enumerate() {
                lines.push(format!("<key>{name}</key>"));
                if index + 1 < names.len() {
                    lines.push("<dict>".to_owned());
                    ends += 1;
                }
            }
            lines.push("<array>".to_owned());
            // An origin has no character that means something in XML.
            lines.extend(sites.iter().map(|site| format!("<string>{site}</string>")));
            lines.push("</array>".to_owned());
            lines.extend((0..ends).map(|_| "</dict>".to_owned()));
        }
        lines.extend(["</dict>", "</plist>", ""].map(str::to_owned));
        lines.join("\n")
    }
}

/// The host of an origin. Firefox takes no scheme and no port. Extensions have none.
fn host(origin: &str) -> Option<String> {
    let url = url::Url::parse(origin).ok()?;
    matches!(url.scheme(), "https" | "http").then(|| url.host_str().map(str::to_owned))?
}
