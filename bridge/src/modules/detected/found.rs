//! A file that may be a module, as one of the places tells.

use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What it would be called. Not yet a name that no other module has.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// The description for people.
    pub(super) description: String,
    pub(super) init_args: Option<String>,
    /// Modules with a higher priority come first.
    pub(super) priority: i64,
    /// Whether to list the module even if its file does not exist.
    pub(super) is_required: bool,
    /// Whether it is one of the well-known modules. Of those with one name, only the first counts.
    pub(super) is_known: bool,
}

impl Found {
    pub(super) fn new(name: &str, path: PathBuf) -> Self {
        Self {
            name: name.to_owned(),
            path,
            description: String::new(),
            init_args: None,
            priority: 0,
            is_required: false,
            is_known: false,
        }
    }
}
