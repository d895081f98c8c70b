//! The messages of the bridge: replies and notifications. The bridge encodes them here, and the
//! client decodes them here.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::Id;
use super::json::Version;
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

    /// The reply to a call that failed. `id` is `None` if the bridge could not read the request's id.
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

/// A message that a client receives. Results and parameters stay encoded: the client passes them
/// to the page as they are.
#[derive(Clone, Debug)]
pub enum Incoming<'a> {
    /// The reply to a request (JSON-RPC 2.0, section 5).
    Reply {
        /// The id of the request. `None` if the bridge could not read it.
        id: Option<Id>,
        /// The encoded result, or the error.
        outcome: Result<&'a RawValue, ErrorObject>,
    },
    /// A notification (JSON-RPC 2.0, section 4.1).
    Event {
        /// The name of the event.
        method: Cow<'a, str>,
        /// The encoded parameters.
        params: Option<&'a RawValue>,
    },
}

impl<'a> Incoming<'a> {
    /// Decodes the text of a frame. Ignores members that it does not know: a later bridge may send
    /// them.
    pub fn decode(text: &'a str) -> Result<Self, NotAMessage> {
        let message: IncomingMessage<'a> = serde_json::from_str(text).map_err(|_| NotAMessage)?;
        match (message.method, message.result, message.error) {
            (Some(method), None, None) => Ok(Self::Event { method, params: message.params }),
            (None, Some(result), None) => Ok(Self::Reply { id: message.id, outcome: Ok(result) }),
            (None, None, Some(error)) => Ok(Self::Reply { id: message.id, outcome: Err(error) }),
            _ => Err(NotAMessage),
        }
    }
}

/// The text of a frame is neither a reply nor a notification. Does not repeat the text, because
/// the text may hold a signature or the content of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMessage;

impl fmt::Display for NotAMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the frame is neither a reply nor a notification of JSON-RPC 2.0")
    }
}

impl std::error::Error for NotAMessage {}

#[derive(Deserialize)]
struct IncomingMessage<'a> {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: Version,
    #[serde(default)]
    id: Option<Id>,
    #[serde(default, borrow)]
    method: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
    #[serde(default, borrow, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<ErrorObject>,
}

/// Tells a result of `null` from a missing result.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notification_is_an_event() {
        let text = r#"{"jsonrpc":"2.0","method":"progress","params":{"slot_id":1}}"#;
        let Ok(Incoming::Event { method, params }) = Incoming::decode(text) else {
            panic!("not an event");
        };
        assert_eq!(method, "progress");
        assert_eq!(params.unwrap().get(), r#"{"slot_id":1}"#);
    }

    #[test]
    fn a_result_keeps_its_exact_text() {
        for result in ["null", "false", "18446744073709551615", r#"{"a": [1.0, "\u00e4"]}"#] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            let Ok(Incoming::Reply { id, outcome: Ok(raw) }) = Incoming::decode(&text) else {
                panic!("not a result: {text}");
            };
            assert_eq!((id, raw.get()), (Some(Id::Number(1)), result));
        }
    }

    #[test]
    fn members_of_a_later_version_are_ignored() {
        let text = r#"{"jsonrpc":"2.0","id":1,"result":true,"trace":{"id":2}}"#;
        assert!(matches!(Incoming::decode(text), Ok(Incoming::Reply { .. })));
    }

    #[test]
    fn an_absent_member_may_be_null() {
        for text in [
            r#"{"jsonrpc":"2.0","id":1,"method":null,"error":null,"result":true}"#,
            r#"{"jsonrpc":"2.0","id":null,"error":{"code":0,"message":"","data":{"status":0,"code":""}}}"#,
        ] {
            assert!(matches!(Incoming::decode(text), Ok(Incoming::Reply { .. })), "{text}");
        }
    }

    #[test]
    fn other_frames_are_refused() {
        for text in [
            "",
            "7",
            "null",
            "[]",
            "{}",
            r#"{"jsonrpc":"2.0"}"#,
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"result":true}"#,
            r#"{"jsonrpc":"2.0","id":-1,"result":true}"#,
            r#"{"jsonrpc":"2.0","method":7}"#,
            r#"{"jsonrpc":"1.0","id":1,"result":true}"#,
            r#"{"id":1,"result":true}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"progress","result":true}"#,
            r#"{"jsonrpc":"2.0","id":1,"result":true,"error":{"code":0,"message":"","data":{"status":0,"code":""}}}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":0,"message":""}}"#,
        ] {
            assert!(Incoming::decode(text).is_err(), "{text}");
        }
    }
}
