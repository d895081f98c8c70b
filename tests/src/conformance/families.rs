//! The families, each in a file of its own.

mod softhsm;

use super::family::Family;

/// All families, in the order of the table.
pub const FAMILIES: &[&dyn Family] = &[&softhsm::SoftHsm];

/// The family of a name.
pub fn find(name: &str) -> &'static dyn Family {
    let found = FAMILIES.iter().find(|family| family.name() == name);
    *found.unwrap_or_else(|| panic!("no family is called {name}"))
}
