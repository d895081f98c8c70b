//! Access: the `Host` and `Origin` headers that the bridge accepts, and the user's consent.

pub mod approvals;
pub(crate) mod consent;
pub mod host;
pub mod origin;
