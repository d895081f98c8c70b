//! What the bridge tells a page without being asked: notifications (JSON-RPC 2.0, section 4.1).

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::Id;

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
