//! What this program does with its own process: private memory, signals, starting itself again.

pub(crate) mod hardening;
pub(crate) mod lock;
pub(crate) mod program;
pub(crate) mod stop_signal;
