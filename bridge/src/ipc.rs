//! What the bridge and its workers say to each other over pipes: frames that hold tasks one way and
//! messages the other way.

pub mod certificate_listing;
#[cfg(unix)]
pub(crate) mod descriptors;
pub mod frame;
pub(crate) mod key_listing;
pub mod message;
pub mod pin;
pub mod task;
pub mod token_snapshot;
