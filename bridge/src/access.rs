//! Access: the `Host` and `Origin` headers that the bridge accepts, and the user's consent.

pub mod approvals;
mod calendar;
pub(crate) mod consent;
pub(crate) mod cooldowns;
pub mod host;
pub mod origin;
mod pin_silences;
