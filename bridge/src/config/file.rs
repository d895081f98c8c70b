//! The configuration file in TOML. An unknown key is an error that names the key and the line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pkcs11_bridge_protocol::result::PinEntry;
use serde::Deserialize;

use super::ConfigError;
use super::rules::RuleEntry;
use crate::access::origin::Origin;
use crate::confinement::Confinement;
use crate::dialog::Way;
use crate::modules::ModuleName;

/// The keys of `config.toml`. All are optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFile {
    /// Like `--listen`.
    pub(super) listen: Option<SocketAddr>,
    /// Like `--allow-origin`.
    pub(super) allow_origins: Vec<Origin>,
    /// The module for calls without a `module`. Default: the first module.
    pub(super) default_module: Option<ModuleName>,
    /// Whether the bridge detects well-known modules. Default: only if no module is configured.
    pub(super) detect_modules: Option<bool>,
    /// Whether detection also lists the key databases of Firefox and Chrome. Default: no.
    pub(super) detect_nss_databases: bool,
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
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
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
