//! Calls that need a login: one signature, a batch, and the PIN that the token wants.

pub(crate) mod batch;
mod login_task;
pub(crate) mod pin;
mod purpose;
pub(crate) mod single;

pub(crate) use login_task::SigningContext;
