//! The configuration file, TOML. An unknown key is an error that names the key and the line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pkcs11_bridge_protocol::result::PinEntry;
use serde::Deserialize;

use super::ConfigError;
use crate::access::origin::Origin;
use crate::modules::ModuleName;

/// The keys of `config.toml`; all may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ConfigFile {
    /// As `--listen`.
    pub(super) listen: Option<SocketAddr>,
    /// As `--allow-origin`.
    pub(super) allow_origins: Vec<Origin>,
    /// The name of the module that is meant where a page names none; the first one if missing.
    pub(super) default_module: Option<ModuleName>,
    /// Whether to look for well-known modules too. Without this key that is done where no module is
    /// configured.
    pub(super) detect_modules: Option<bool>,
    /// For how many days an approval of the user is remembered; 30 if missing.
    pub(super) approval_days: Option<u64>,
    /// Where PINs are taken from: "native" or "page-or-native", which it is if missing.
    pub(super) pin_entry: PinEntry,
    /// The program that asks the user; `PINENTRY_PROGRAM` wins over it, and if both are missing it is
    /// the platform's own.
    pub(super) pinentry_program: Option<PathBuf>,
    /// For how many seconds a question to the user is shown; 60 if missing.
    pub(super) dialog_seconds: Option<u64>,
    /// After how many seconds without a signature a login ends; 300 if missing.
    pub(super) login_idle_seconds: Option<u64>,
    /// How many seconds a module has to start, and for each call that only reads; 30 if missing.
    pub(super) read_deadline_seconds: Option<u64>,
    /// How many seconds a module has for a signature, with a person at the reader's pinpad; 120 if missing.
    pub(super) sign_deadline_seconds: Option<u64>,
    /// After how many seconds without a call a module is let go of; 600 if missing.
    pub(super) worker_idle_seconds: Option<u64>,
    /// The modules that pages may name.
    pub(super) modules: Vec<ModuleEntry>,
}

/// One `[[modules]]` table.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleEntry {
    pub(super) name: ModuleName,
    pub(super) path: PathBuf,
    /// For a person.
    #[serde(default)]
    pub(super) description: String,
    /// Environment variables for the module.
    #[serde(default)]
    pub(super) env: BTreeMap<String, String>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// `path` is for the error.
    pub(super) fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        for (text, key, line) in [
            ("listen = \"127.0.0.1:0\"\nalow_origins = []", "alow_origins", "line 2"),
            ("[[modules]]\nname = \"a\"\npath = \"/a\"\npin = \"1\"", "pin", "line 4"),
        ] {
            let error = toml::from_str::<ConfigFile>(text).unwrap_err().to_string();
            assert!(error.contains(key) && error.contains(line), "{error}");
        }
    }
}
