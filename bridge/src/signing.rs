//! The calls that need a login, `signData`, `signDataBatch` and `authenticate`, and the PIN entry
//! that they share.

pub(crate) mod authenticate;
pub(crate) mod batch;
mod hashed;
mod in_flight;
mod key_certificate;
mod key_permission;
mod key_search;
pub(crate) mod listing;
mod login_task;
mod login_terms;
pub mod pin;
mod purpose;
pub(crate) mod single;
pub(crate) mod verify;

pub(crate) use login_task::SigningContext;
