//! Access: the `Host` and `Origin` headers that the bridge accepts, and the user's consent.

pub(crate) mod approvals;
pub(crate) mod consent;
pub(crate) mod host;
pub(crate) mod origin;
