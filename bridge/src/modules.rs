//! The PKCS#11 modules that pages may use: the configured ones, or the detected ones. The bridge
//! refuses any other path before it touches the file.

mod detected;
mod links;
pub(crate) mod trusted_path;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use serde::{Deserialize, Serialize};

use crate::confinement::Confinement;
pub(crate) use detected::{NssDatabases, RefusedFile, detect};

/// A module that the user or administrator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Module {
    pub(crate) name: ModuleName,
    pub(crate) path: PathBuf,
    /// The description for people.
    pub(crate) description: String,
    /// Environment variables for the module's workers, in addition to the bridge's environment.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) confinement: Confinement,
    /// The text that the module gets as `pReserved` of `C_Initialize`.
    pub(crate) init_args: Option<String>,
}

/// The name of a module: 1 to 64 letters, digits, `.`, `_` and `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ModuleName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a module's name has 1 to 64 letters, digits, `.`, `_` and `-`")]
pub struct BadModuleName;

impl ModuleName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModuleName {
    type Err = BadModuleName;

    fn from_str(name: &str) -> Result<Self, BadModuleName> {
        let fits = (1..=64).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
        if fits { Ok(Self(name.to_owned())) } else { Err(BadModuleName) }
    }
}

impl TryFrom<String> for ModuleName {
    type Error = BadModuleName;

    fn try_from(name: String) -> Result<Self, BadModuleName> {
        name.parse()
    }
}

/// All modules. The first one is the default.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modules {
    all: Vec<Arc<Module>>,
    /// Files of modules that were found and are not used, because others could change them.
    refused: Vec<RefusedFile>,
    /// Links to the modules' files, once a page has named a path.
    links: OnceLock<HashMap<PathBuf, usize>>,
}

impl Modules {
    pub(crate) fn new(modules: Vec<Module>) -> Self {
        let all = modules.into_iter().map(Arc::new).collect();
        Self { all, refused: Vec::new(), links: OnceLock::new() }
    }

    /// Notes the files that were found and are not used.
    pub(crate) fn with_refused(self, refused: Vec<RefusedFile>) -> Self {
        Self { refused, ..self }
    }

    /// The files that were found and are not used, because others could change them.
    pub(crate) fn refused(&self) -> &[RefusedFile] {
        &self.refused
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Module>> {
        self.all.iter()
    }

    /// The module with this name or path, or with a link to its file. Without either, the default
    /// module.
    pub(crate) fn resolve(&self, wanted: Option<&str>) -> Result<&Arc<Module>, Failure> {
        let Some(wanted) = wanted else {
            return self.all.first().ok_or_else(|| {
                Failure::new(
                    ErrorCode::ModuleUnavailable,
                    "The bridge has no PKCS#11 module: none is configured and none was found. \
                     Install the token's software, or start the bridge with --module NAME=PATH.",
                )
            });
        };
        // Only compare the page's text. A look-up in the file system would reveal to the page which
        // files exist.
        self.all
            .iter()
            .find(|module| module.name.as_str() == wanted || module.path.as_os_str() == wanted)
            .or_else(|| self.by_link(wanted))
            .ok_or_else(|| {
                Failure::new(
                    ErrorCode::ModuleUnavailable,
                    "The bridge does not allow this `module`. Call `modules` for the names, or let \
                     the user add it with --module NAME=PATH or in config.toml.",
                )
            })
    }

    fn by_link(&self, wanted: &str) -> Option<&Arc<Module>> {
        if !Path::new(wanted).is_absolute() {
            return None;
        }
        let links = self.links.get_or_init(|| {
            let paths: Vec<_> = self.all.iter().map(|module| module.path.as_path()).collect();
            links::to(&paths)
        });
        // A map of paths would take `//` for `/`.
        let (link, index) = links.get_key_value(Path::new(wanted))?;
        if link.as_os_str() == wanted { self.all.get(*index) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules() -> Modules {
        Modules::new(
            [("card", "/usr/lib/card.so"), ("hsm", "/opt/hsm/lib.so")]
                .map(|(name, path)| Module {
                    name: name.parse().unwrap(),
                    path: path.into(),
                    description: String::new(),
                    env: BTreeMap::new(),
                    confinement: Confinement::default(),
                    init_args: None,
                })
                .to_vec(),
        )
    }

    #[test]
    fn modules_are_found_by_name_or_path_only() {
        let modules = modules();
        let name = |wanted| modules.resolve(wanted).map(|module| module.name.to_string());
        assert_eq!(name(None).unwrap(), "card");
        assert_eq!(name(Some("hsm")).unwrap(), "hsm");
        assert_eq!(name(Some("/opt/hsm/lib.so")).unwrap(), "hsm");
        for wanted in ["", "HSM", "/opt/hsm", "/opt/hsm/LIB.so", "/opt/hsm/lib.so\0", "/etc/passwd"]
        {
            assert_eq!(
                name(Some(wanted)).unwrap_err().code,
                ErrorCode::ModuleUnavailable,
                "{wanted}"
            );
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_to_a_module_is_the_module() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["card-1.0.so", "other.so"] {
            std::fs::write(path(name), "").unwrap();
        }
        for (link, file) in [("card.so", "card-1.so"), ("card-1.so", "card-1.0.so")] {
            std::os::unix::fs::symlink(path(file), path(link)).unwrap();
        }
        let module = |name: &str| Module {
            path: path(name),
            name: "card".parse().unwrap(),
            description: String::new(),
            env: BTreeMap::new(),
            confinement: Confinement::default(),
            init_args: None,
        };
        for allowed in ["card.so", "card-1.so", "card-1.0.so"] {
            let modules = Modules::new(vec![module(allowed)]);
            for named in ["card.so", "card-1.so", "card-1.0.so"] {
                assert!(modules.resolve(path(named).to_str()).is_ok(), "{allowed} {named}");
            }
            for named in ["other.so", "./card.so", "", "card"] {
                assert!(modules.resolve(path(named).to_str()).is_err(), "{allowed} {named}");
            }
            let twice = format!("{}//card.so", folder.path().display());
            assert!(modules.resolve(Some(&twice)).is_err());
        }
    }

    #[test]
    fn the_error_without_modules_says_how_to_add_one() {
        let failure = Modules::default().resolve(None).unwrap_err();
        assert!(failure.message.contains("--module NAME=PATH"));
    }

    #[test]
    fn names_have_1_to_64_plain_characters() {
        for name in ["softhsm", "OpenSC", "a.b_c-1"] {
            assert!(name.parse::<ModuleName>().is_ok());
        }
        for name in ["", "a b", "a/b", "ä", &"x".repeat(65)] {
            assert_eq!(name.parse::<ModuleName>(), Err(BadModuleName));
        }
    }
}
