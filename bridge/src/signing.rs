//! Calls that need a login: one signature, a batch, and the PIN that they want.

pub(crate) mod batch;
pub(crate) mod pin;
pub(crate) mod single;
