//! The own process: private memory, limits, locks, stop signals, and how the program starts itself.

pub(crate) mod folders;
pub(crate) mod hardening;
pub(crate) mod lock;
pub(crate) mod log_file;
pub(crate) mod log_limit;
pub(crate) mod private_file;
pub(crate) mod program;
pub(crate) mod stop_signal;
#[cfg(target_os = "linux")]
mod unreadable_copy;
