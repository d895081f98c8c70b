//! What the bridge and its workers say to each other over pipes: frames that hold tasks one way and
//! messages the other way.

#[cfg(unix)]
pub(crate) mod descriptors;
pub(crate) mod frame;
pub(crate) mod message;
pub(crate) mod pin;
pub(crate) mod task;
pub(crate) mod token_snapshot;
