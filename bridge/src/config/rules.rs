//! The `[[rules]]` of the configuration file: settings for an origin, for a certificate or a key
//! without one, or for either on an origin. Each setting comes from the first rule that matches and
//! has it.

use std::time::Duration;

use serde::Deserialize;

use super::file::Key;
use super::{ConfigError, seconds};
use crate::access::origin::Origin;
use crate::certificate::fingerprint::Fingerprint;

/// The rules in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<RuleEntry>);

/// One `[[rules]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleEntry {
    /// The rule is for this origin. Default: for all.
    origin: Option<Origin>,
    /// The rule is for this certificate, or for this key without one. Default: for all.
    #[serde(alias = "key")]
    certificate: Option<Fingerprint>,
    /// Whether `signData` takes keys that are only for authentication. Default: false.
    sign_with_authentication_keys: Option<bool>,
    /// When the bridge asks for a PIN. Default: "each" for keys of non-repudiation, else "login".
    ask: Option<Ask>,
    /// Like the key `login_seconds` of the file.
    login_seconds: Option<u64>,
}

/// When the bridge asks for the PIN of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ask {
    /// For the first signature. The PIN opens the key until the login ends.
    Login,
    /// For each signature, or for each batch.
    Each,
}

impl Rules {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Fails for a rule that is for everything or sets nothing, because a key may be missing.
    pub(super) fn new(entries: Vec<RuleEntry>) -> Result<Self, ConfigError> {
        for (entry, number) in entries.iter().zip(1..) {
            if entry.origin.is_none() && entry.certificate.is_none() {
                return Err(ConfigError::RuleForAll { number });
            }
            if !entry.sets_anything() {
                return Err(ConfigError::RuleWithoutSetting { number });
            }
            seconds(Key::LoginSeconds, entry.login_seconds, 1)
                .map_err(|error| ConfigError::InRule { number, source: Box::new(error) })?;
        }
        Ok(Self(entries))
    }

    /// Whether `signData` takes the key of this certificate although the key is only for
    /// authentication.
    pub(crate) fn sign_with_authentication_keys(
        &self,
        origin: &Origin,
        certificate: Fingerprint,
    ) -> bool {
        self.setting(origin, certificate, |rule| rule.sign_with_authentication_keys)
            .unwrap_or(false)
    }

    /// When the bridge asks for the PIN of the key.
    pub(crate) fn ask(&self, origin: &Origin, certificate: Fingerprint) -> Option<Ask> {
        self.setting(origin, certificate, |rule| rule.ask)
    }

    /// How long a login for the key stays at the longest.
    pub(crate) fn login_time(&self, origin: &Origin, certificate: Fingerprint) -> Option<Duration> {
        self.setting(origin, certificate, |rule| rule.login_seconds).map(Duration::from_secs)
    }

    /// The value of the first rule that matches and has the setting.
    fn setting<T>(
        &self,
        origin: &Origin,
        certificate: Fingerprint,
        value: impl Fn(&RuleEntry) -> Option<T>,
    ) -> Option<T> {
        self.0.iter().filter(|rule| rule.matches(origin, certificate)).find_map(value)
    }
}

impl RuleEntry {
    fn matches(&self, origin: &Origin, certificate: Fingerprint) -> bool {
        self.origin.as_ref().is_none_or(|wanted| wanted == origin)
            && self.certificate.is_none_or(|wanted| wanted == certificate)
    }

    fn sets_anything(&self) -> bool {
        let Self { origin: _, certificate: _, sign_with_authentication_keys, ask, login_seconds } =
            self;
        sign_with_authentication_keys.is_some() || ask.is_some() || login_seconds.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::ConfigFile;
    use super::*;

    fn rules(text: &str) -> Result<Rules, ConfigError> {
        Rules::new(toml::from_str::<ConfigFile>(text).unwrap().rules)
    }

    fn origin(host: &str) -> Origin {
        format!("https://{host}.example").parse().unwrap()
    }

    #[test]
    fn a_rule_holds_for_its_origin_and_its_certificate() {
        let (card, other) = (Fingerprint::of(b"card"), Fingerprint::of(b"other"));
        for (scope, on_a, other_on_a, on_b) in [
            ("origin = \"https://a.example\"".to_owned(), true, true, false),
            (format!("certificate = \"{card}\""), true, false, true),
            (
                format!("origin = \"https://a.example\"\ncertificate = \"{card}\""),
                true,
                false,
                false,
            ),
        ] {
            let rules = rules(&format!("[[rules]]\n{scope}\nsign_with_authentication_keys = true"))
                .unwrap();
            let allows =
                |host, certificate| rules.sign_with_authentication_keys(&origin(host), certificate);
            assert_eq!(allows("a", card), on_a, "{scope}");
            assert_eq!(allows("a", other), other_on_a, "{scope}");
            assert_eq!(allows("b", card), on_b, "{scope}");
            assert!(!allows("b", other), "{scope}");
        }
        assert!(!Rules::default().sign_with_authentication_keys(&origin("a"), card));
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let card = Fingerprint::of(b"card");
        let rules = rules(&format!(
            "[[rules]]\ncertificate = \"{card}\"\nsign_with_authentication_keys = false\n\
             [[rules]]\norigin = \"https://a.example\"\nsign_with_authentication_keys = true"
        ))
        .unwrap();
        assert!(!rules.sign_with_authentication_keys(&origin("a"), card));
        let other = Fingerprint::of(b"other");
        assert!(rules.sign_with_authentication_keys(&origin("a"), other));
    }

    #[test]
    fn a_rule_for_everything_or_without_a_setting_is_an_error() {
        let good =
            "[[rules]]\norigin = \"https://a.example\"\nsign_with_authentication_keys = true";
        let error = rules(&format!("{good}\n[[rules]]\nsign_with_authentication_keys = true"));
        assert!(matches!(error, Err(ConfigError::RuleForAll { number: 2 })));
        let error = rules("[[rules]]\norigin = \"https://a.example\"");
        assert!(matches!(error, Err(ConfigError::RuleWithoutSetting { number: 1 })));
    }
}
