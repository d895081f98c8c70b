//! The events that the bridge sends: notifications (JSON-RPC 2.0, section 4.1).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::Id;
use crate::result::TokenInfo;
use crate::slot_id::SlotId;

/// An event. The struct that implements it holds the parameters.
///
/// Clients ignore fields that they do not know: a later bridge may send them.
pub trait Event: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
}

/// The progress of a `signDataBatch`.
///
/// The bridge sends it from time to time while it signs, and always once at the end, before the
/// reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The id of the `signDataBatch` request.
    pub id: Id,
    /// The number of hashes that have a signature or an error.
    pub done: usize,
    /// The number of hashes in the request.
    pub total: usize,
}

impl Event for Progress {
    const NAME: &'static str = "progress";
}

/// A token was inserted into a slot or removed from it.
///
/// The bridge sends it on connections that have called `watchSlots`. It does not send it for tokens
/// that it had already seen before that call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Whether the token was inserted or removed.
    pub kind: SlotEventKind,
    /// The name of the module, as in `modules`.
    pub module: String,
    /// The slot.
    pub slot_id: SlotId,
    /// The token; missing if the module could not read it. If the token was removed, its last known
    /// state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenInfo>,
}

/// The change in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotEventKind {
    /// The slot has a token that was not there before.
    Inserted,
    /// The slot no longer has the token.
    Removed,
}

impl Event for Slot {
    const NAME: &'static str = "slot";
}
