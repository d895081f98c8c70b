//! What the bridge tells a page without being asked: notifications (JSON-RPC 2.0, section 4.1).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::Id;
use crate::result::TokenInfo;
use crate::slot_id::SlotId;

/// An event: a struct of parameters that knows its name.
pub trait Event: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
}

/// How far a `signDataBatch` has come. Sent now and then while it is carried out, and always at its
/// end, before the reply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// The id of the request.
    pub id: Id,
    /// How many hashes have their signature or their error.
    pub done: usize,
    /// How many there are.
    pub total: usize,
}

impl Event for Progress {
    const NAME: &'static str = "progress";
}

/// A token was put into a slot or taken out of one, on a connection that has called `watchSlots`. One that
/// the bridge had seen there before it called is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slot {
    /// Which of the two.
    pub kind: SlotEventKind,
    /// The name of the module, as in `modules`.
    pub module: String,
    /// The slot.
    pub slot_id: SlotId,
    /// The token, as far as the module can read it; where it was taken out, as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenInfo>,
}

/// What happened in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SlotEventKind {
    /// A token is there that was not.
    Inserted,
    /// The token that was there is gone.
    Removed,
}

impl Event for Slot {
    const NAME: &'static str = "slot";
}
