//! What the bridge sends: replies and events.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Id;
use super::json::{Version, decode_json};
use crate::error_object::ErrorObject;
use crate::event::Event;

/// A reply, as the bridge sends it.
#[derive(Serialize)]
pub struct Reply<R> {
    jsonrpc: Version,
    id: Option<Id>,
    #[serde(flatten)]
    outcome: Outcome<R>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<R> {
    Result(R),
    Error(ErrorObject),
}

impl<R> Reply<R> {
    /// The reply to a call that succeeded.
    pub fn success(id: Id, result: R) -> Self {
        Self { jsonrpc: Version, id: Some(id), outcome: Outcome::Result(result) }
    }

    /// The reply to a call that failed; `id` is `None` where the request's could not be read.
    pub fn failure(id: Option<Id>, error: impl Into<ErrorObject>) -> Self {
        Self { jsonrpc: Version, id, outcome: Outcome::Error(error.into()) }
    }
}

impl<R: Serialize> Reply<R> {
    /// The text of a frame.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// An event, as the bridge sends it.
#[derive(Serialize)]
pub struct Notification<'a, E> {
    jsonrpc: Version,
    method: &'static str,
    params: &'a E,
}

impl<'a, E: Event> Notification<'a, E> {
    /// The notification of an event.
    pub fn new(event: &'a E) -> Self {
        Self { jsonrpc: Version, method: E::NAME, params: event }
    }

    /// The text of a frame.
    pub fn encode(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

/// What a client receives: a reply, or an event that the bridge pushes.
#[derive(Clone, Debug)]
pub enum Incoming {
    /// The reply to the request of that id.
    Reply {
        /// The id; `None` where the bridge could not read that of the request.
        id: Option<Id>,
        /// The result, still encoded, or the error.
        outcome: Result<Box<RawValue>, ErrorObject>,
    },
    /// A notification (JSON-RPC 2.0, section 4.1).
    Event {
        /// The name of the event.
        method: String,
        /// Its content, still encoded.
        params: Option<Box<RawValue>>,
    },
}

impl Incoming {
    /// Decodes the text of a frame. The error says what is wrong with it.
    pub fn decode(text: &str) -> Result<Self, String> {
        let message: IncomingMessage = decode_json(text)?;
        match (message.method, message.result, message.error) {
            (Some(method), None, None) => Ok(Self::Event { method, params: message.params }),
            (None, Some(result), None) => Ok(Self::Reply { id: message.id, outcome: Ok(result) }),
            (None, None, Some(error)) => Ok(Self::Reply { id: message.id, outcome: Err(error) }),
            _ => Err("it is neither a reply nor a notification".to_owned()),
        }
    }
}

#[derive(Deserialize)]
struct IncomingMessage {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: Version,
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    params: Option<Box<RawValue>>,
    #[serde(default)]
    result: Option<Box<RawValue>>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_an_event() {
        let text = r#"{"jsonrpc":"2.0","method":"progress","params":{"slot_id":1}}"#;
        let Ok(Incoming::Event { method, params }) = Incoming::decode(text) else {
            panic!("a message that is no event");
        };
        assert_eq!(method, "progress");
        assert_eq!(params.unwrap().get(), r#"{"slot_id":1}"#);
    }

    #[test]
    fn what_is_neither_a_reply_nor_an_event_is_refused() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"id":1,"result":true}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"progress","result":true}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":true,"error":{"code":0,"message":"","data":{"status":0,"code":""}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":0,"message":""}}"#,
        ] {
            assert!(Incoming::decode(text).is_err(), "{text}");
        }
    }
}
