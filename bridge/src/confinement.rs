//! What a module may not do, although it runs with the user's rights: change the bridge's own
//! files, and call the system to get at other programs or at the system itself. The worker confines
//! itself before it loads the module, while it has a single thread.
//!
//! Only Linux has this. A kernel without Landlock or seccomp leaves it out.

#[cfg(target_os = "linux")]
mod own_files;
#[cfg(target_os = "linux")]
mod system_calls;
pub(crate) mod tracer;

use std::path::PathBuf;

/// Whether a confinement holds for a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Enforcement {
    #[default]
    On,
    /// The administrator has switched it off, because the module does not work with it.
    Off,
}

impl From<bool> for Enforcement {
    fn from(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }
}

/// The confinement of a module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// Keeps the module from writing the bridge's own files.
    pub(crate) landlock: Enforcement,
    /// Keeps the module from system calls that no module needs.
    pub(crate) seccomp: Enforcement,
}

/// Confines this process and all that it starts. `protected` are the bridge's own files and
/// folders.
#[cfg(target_os = "linux")]
pub(crate) fn confine(confinement: Confinement, protected: &[PathBuf]) {
    if confinement.landlock == Enforcement::On {
        own_files::protect(protected);
    }
    if confinement.seccomp == Enforcement::On {
        system_calls::forbid();
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn confine(_confinement: Confinement, _protected: &[PathBuf]) {}
