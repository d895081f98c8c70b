//! The configuration file in TOML. An unknown key is an error that names the key and the line.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pkcs11_bridge_protocol::result::PinEntry;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::rules::RuleEntry;
use crate::access::origin::Origin;
use crate::confinement::Confinement;
use crate::dialog::Way;
use crate::modules::ModuleName;

/// The keys of `config.toml`. All are optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    /// Like `--listen`.
    pub(super) listen: Option<SocketAddr>,
    /// The keys that only administrators can set. Only in their file.
    pub(super) locked: Vec<Key>,
    /// Like `--allow-origin`.
    pub(super) allow_origins: Vec<Origin>,
    /// Origins that may not use tokens, even if they are allowed elsewhere.
    pub(super) block_origins: Vec<Origin>,
    /// Whether only the origins of `allow_origins` may use tokens. The bridge asks about no other.
    pub(super) only_configured_origins: Option<bool>,
    /// The module for calls without a `module`. Default: the first module.
    pub(super) default_module: Option<ModuleName>,
    /// Whether the bridge detects well-known modules. Default: only if no module is configured.
    pub(super) detect_modules: Option<bool>,
    /// Whether detection also lists the key databases of Firefox and Chrome. Default: no.
    pub(super) detect_nss_databases: Option<bool>,
    /// The days that an approval of the user lasts. Default: 30.
    pub(super) approval_days: Option<u64>,
    /// Where the bridge takes PINs from: "native" or "page-or-native". Default: "page-or-native".
    pub(super) pin_entry: Option<PinEntry>,
    /// The ways to ask the user, in the order in which the bridge tries them. Default: "window",
    /// "pinentry", "terminal".
    pub(super) dialogs: Option<Vec<Way>>,
    /// The pinentry that the bridge tries first. If `PINENTRY_PROGRAM` is set, the bridge tries
    /// that one only.
    pub(super) pinentry_program: Option<PathBuf>,
    /// The seconds that the user has to answer a question. Default: 60.
    pub(super) dialog_seconds: Option<u64>,
    /// The seconds without a signature after which a login ends. Default: 300.
    pub(super) login_idle_seconds: Option<u64>,
    /// The seconds after which a login ends at the latest. Default: 1800.
    pub(super) login_seconds: Option<u64>,
    /// The seconds that a page waits for the start of a module, and for each call that only reads.
    /// The module goes on after that. Default: 30.
    pub(super) read_deadline_seconds: Option<u64>,
    /// The seconds after which a module that starts or reads counts as hung. Default: 180.
    pub(super) hang_deadline_seconds: Option<u64>,
    /// The seconds that a module has for a signature. Includes the time that the user needs at the
    /// reader's pinpad. Default: 120.
    pub(super) sign_deadline_seconds: Option<u64>,
    /// The seconds without a call after which the bridge ends a worker. Default: 600.
    pub(super) worker_idle_seconds: Option<u64>,
    /// The modules that pages may use.
    pub(super) modules: Vec<ModuleEntry>,
    /// Settings for an origin or a certificate.
    pub(super) rules: Vec<RuleEntry>,
}

/// A key that administrators can lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Key {
    Listen,
    AllowOrigins,
    BlockOrigins,
    OnlyConfiguredOrigins,
    DefaultModule,
    DetectModules,
    DetectNssDatabases,
    ApprovalDays,
    PinEntry,
    Dialogs,
    PinentryProgram,
    DialogSeconds,
    LoginIdleSeconds,
    LoginSeconds,
    ReadDeadlineSeconds,
    HangDeadlineSeconds,
    SignDeadlineSeconds,
    WorkerIdleSeconds,
    Modules,
    Rules,
}

impl Key {
    #[cfg(any(windows, test))]
    pub(super) const ALL: [Self; 20] = [
        Self::Listen,
        Self::AllowOrigins,
        Self::BlockOrigins,
        Self::OnlyConfiguredOrigins,
        Self::DefaultModule,
        Self::DetectModules,
        Self::DetectNssDatabases,
        Self::ApprovalDays,
        Self::PinEntry,
        Self::Dialogs,
        Self::PinentryProgram,
        Self::DialogSeconds,
        Self::LoginIdleSeconds,
        Self::LoginSeconds,
        Self::ReadDeadlineSeconds,
        Self::HangDeadlineSeconds,
        Self::SignDeadlineSeconds,
        Self::WorkerIdleSeconds,
        Self::Modules,
        Self::Rules,
    ];

    /// The name in the file.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Listen => "listen",
            Self::AllowOrigins => "allow_origins",
            Self::BlockOrigins => "block_origins",
            Self::OnlyConfiguredOrigins => "only_configured_origins",
            Self::DefaultModule => "default_module",
            Self::DetectModules => "detect_modules",
            Self::DetectNssDatabases => "detect_nss_databases",
            Self::ApprovalDays => "approval_days",
            Self::PinEntry => "pin_entry",
            Self::Dialogs => "dialogs",
            Self::PinentryProgram => "pinentry_program",
            Self::DialogSeconds => "dialog_seconds",
            Self::LoginIdleSeconds => "login_idle_seconds",
            Self::LoginSeconds => "login_seconds",
            Self::ReadDeadlineSeconds => "read_deadline_seconds",
            Self::HangDeadlineSeconds => "hang_deadline_seconds",
            Self::SignDeadlineSeconds => "sign_deadline_seconds",
            Self::WorkerIdleSeconds => "worker_idle_seconds",
            Self::Modules => "modules",
            Self::Rules => "rules",
        }
    }

    /// The keys that are locked with this one. The user must not add a module by another way.
    pub(super) fn with_those_it_needs(self) -> Vec<Self> {
        match self {
            Self::Modules => vec![self, Self::DetectModules, Self::DetectNssDatabases],
            key => vec![key],
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One `[[modules]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleEntry {
    pub(super) name: ModuleName,
    pub(super) path: PathBuf,
    /// The description for people.
    #[serde(default)]
    pub(super) description: String,
    /// Environment variables for the module.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
    /// The text for `pReserved` of `C_Initialize`.
    pub(super) init_args: Option<InitArgs>,
    /// Whether Landlock keeps the module from writing the bridge's files. Only on Linux.
    #[serde(default = "enforced")]
    pub(super) landlock: bool,
    /// Whether seccomp keeps the module from system calls that no module needs. Only on Linux.
    #[serde(default = "enforced")]
    pub(super) seccomp: bool,
}

/// A text that a module reads up to its first NUL.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct InitArgs(pub(super) String);

impl TryFrom<String> for InitArgs {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        if text.contains('\0') { Err("init_args must not contain NUL") } else { Ok(Self(text)) }
    }
}

fn enforced() -> bool {
    true
}

impl ModuleEntry {
    pub(super) fn confinement(&self) -> Confinement {
        Confinement { landlock: self.landlock.into(), seccomp: self.seccomp.into() }
    }
}

impl ConfigFile {
    /// Adds what another file sets. This one wins, except for the locked keys.
    pub(super) fn over(self, other: Self, locked: &BTreeSet<Key>) -> Self {
        let is_open = |key| !locked.contains(&key);
        fn one<T>(first: Option<T>, second: Option<T>, is_open: bool) -> Option<T> {
            first.filter(|_| is_open).or(second)
        }
        fn all<T>(mut first: Vec<T>, second: Vec<T>, is_open: bool) -> Vec<T> {
            if !is_open {
                first.clear();
            }
            first.extend(second);
            first
        }
        let modules = if is_open(Key::Modules) { self.modules } else { Vec::new() };
        let is_new = |entry: &ModuleEntry| modules.iter().all(|module| module.name != entry.name);
        let new_modules: Vec<_> = other.modules.into_iter().filter(is_new).collect();
        macro_rules! one {
            ($field:ident, $key:ident) => {
                one(self.$field, other.$field, is_open(Key::$key))
            };
        }
        Self {
            locked: Vec::new(),
            listen: one!(listen, Listen),
            allow_origins: all(self.allow_origins, other.allow_origins, is_open(Key::AllowOrigins)),
            block_origins: all(self.block_origins, other.block_origins, is_open(Key::BlockOrigins)),
            only_configured_origins: one!(only_configured_origins, OnlyConfiguredOrigins),
            default_module: one!(default_module, DefaultModule),
            detect_modules: one!(detect_modules, DetectModules),
            detect_nss_databases: one!(detect_nss_databases, DetectNssDatabases),
            approval_days: one!(approval_days, ApprovalDays),
            pin_entry: one!(pin_entry, PinEntry),
            dialogs: one!(dialogs, Dialogs),
            pinentry_program: one!(pinentry_program, PinentryProgram),
            dialog_seconds: one!(dialog_seconds, DialogSeconds),
            login_idle_seconds: one!(login_idle_seconds, LoginIdleSeconds),
            login_seconds: one!(login_seconds, LoginSeconds),
            read_deadline_seconds: one!(read_deadline_seconds, ReadDeadlineSeconds),
            hang_deadline_seconds: one!(hang_deadline_seconds, HangDeadlineSeconds),
            sign_deadline_seconds: one!(sign_deadline_seconds, SignDeadlineSeconds),
            worker_idle_seconds: one!(worker_idle_seconds, WorkerIdleSeconds),
            rules: all(self.rules, other.rules, is_open(Key::Rules)),
            modules: all(modules, new_modules, true),
        }
    }

    pub(crate) fn pin_entry(&self) -> Option<PinEntry> {
        self.pin_entry
    }

    /// Parses the text of the file. `path` is for the error.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_for_an_unknown_key_names_the_key_and_the_line() {
        for (text, key, line) in [
            ("listen = \"127.0.0.1:0\"\nalow_origins = []", "alow_origins", "line 2"),
            ("[[modules]]\nname = \"a\"\npath = \"/a\"\npin = \"1\"", "pin", "line 4"),
            ("[[modules]]\nname = \"a\"\npath = \"/a\"\ninit_args = \"\\u0000\"", "NUL", "line 4"),
            ("[[rules]]\norigin = \"https://a.example\"\nsing = true", "sing", "line 3"),
            ("[[rules]]\ncertificate = \"01\"", "sha256:", "line 2"),
        ] {
            let error = toml::from_str::<ConfigFile>(text).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(line), "{error}");
        }
    }
}
