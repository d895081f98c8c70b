//! The messages of the bridge: replies and notifications. The bridge encodes them here, and the
//! client decodes them here.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use super::Id;
use super::json::Version;
use super::scan::{members, number, string};
use crate::error_object::{ErrorData, ErrorObject};
use crate::event::{Event, Progress};

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

    /// The reply to a call that failed. `id` is `None` if the bridge could not read it in the
    /// request.
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
/// to the page as they are. They may still turn out not to be JSON, if the bridge is broken.
#[derive(Clone, Debug)]
pub enum Incoming<'a> {
    /// The reply to a request (JSON-RPC 2.0, section 5).
    Reply {
        /// The id of the request. `None` if the bridge could not read it.
        id: Option<Id>,
        /// The encoded result, or the error.
        outcome: Result<&'a str, ErrorObject>,
    },
    /// A notification (JSON-RPC 2.0, section 4.1).
    Event {
        /// The name of the event.
        method: Cow<'a, str>,
        /// The encoded parameters.
        params: Option<&'a str>,
    },
}

impl<'a> Incoming<'a> {
    /// Decodes the text of a frame. Ignores members that it does not know: a later bridge may send
    /// them.
    pub fn decode(text: &'a str) -> Result<Self, NotAMessage> {
        let mut message = Members::default();
        members(text, |name, value| message.add(name, value)).ok_or(NotAMessage)?;
        message.into_incoming().ok_or(NotAMessage)
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

/// The encoded members of a message.
#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a str>,
    id: Option<&'a str>,
    method: Option<&'a str>,
    params: Option<&'a str>,
    result: Option<&'a str>,
    error: Option<&'a str>,
}

impl<'a> Members<'a> {
    /// Adds a member. `None` if it is there already.
    fn add(&mut self, name: &str, value: &'a str) -> Option<()> {
        let member = match name {
            "jsonrpc" => &mut self.jsonrpc,
            "id" => &mut self.id,
            "method" => &mut self.method,
            "params" => &mut self.params,
            "result" => &mut self.result,
            "error" => &mut self.error,
            _ => return Some(()),
        };
        member.replace(value).is_none().then_some(())
    }

    fn into_incoming(self) -> Option<Incoming<'a>> {
        if string(self.jsonrpc?)? != "2.0" {
            return None;
        }
        // A result may be `null`. All other members are absent then.
        let present = |member: Option<&'a str>| member.filter(|value| *value != "null");
        match (present(self.method), self.result, present(self.error)) {
            (Some(method), None, None) => {
                let (method, params) = (string(method)?, present(self.params));
                Some(Incoming::Event { method, params })
            }
            (None, Some(result), None) => {
                Some(Incoming::Reply { id: id(present(self.id))?, outcome: Ok(result) })
            }
            (None, None, Some(error)) => Some(Incoming::Reply {
                id: id(present(self.id))?,
                outcome: Err(ErrorObject::decode(error)?),
            }),
            _ => None,
        }
    }
}

/// Decodes an id. The outer `None` says that the value is not an id.
fn id(value: Option<&str>) -> Option<Option<Id>> {
    match value {
        None => Some(None),
        Some(value) if value.starts_with('"') => {
            let id = string(value).filter(|id| id.len() <= Id::MAX_LEN)?;
            Some(Some(Id::String(id.into_owned())))
        }
        Some(value) => Some(Some(Id::Number(number(value)?))),
    }
}

impl ErrorObject {
    /// Decodes the error of a reply or of an item of a batch. Ignores members that it does not
    /// know.
    pub fn decode(json: &str) -> Option<Self> {
        let (mut code, mut message, mut data) = (None, None, None);
        members(json, |name, value| {
            match name {
                "code" => code = Some(number(value)?),
                "message" => message = Some(string(value)?.into_owned()),
                "data" => data = Some(ErrorData::decode(value)?),
                _ => {}
            }
            Some(())
        })?;
        Some(Self { code: code?, message: message?, data: data? })
    }
}

impl ErrorData {
    fn decode(json: &str) -> Option<Self> {
        let (mut status, mut code, mut pkcs11) = (None, None, None);
        members(json, |name, value| {
            match name {
                "status" => status = Some(number(value)?),
                "code" => code = Some(string(value)?.into_owned()),
                "pkcs11" if value != "null" => pkcs11 = Some(string(value)?.into_owned()),
                _ => {}
            }
            Some(())
        })?;
        Some(Self { status: status?, code: code?, pkcs11 })
    }
}

impl Progress {
    /// Decodes the parameters of the event. Ignores members that it does not know.
    pub fn decode(json: &str) -> Option<Self> {
        let (mut request, mut done, mut total) = (None, None, None);
        members(json, |name, value| {
            match name {
                "id" => request = id(Some(value))?,
                "done" => done = Some(number(value)?),
                "total" => total = Some(number(value)?),
                _ => {}
            }
            Some(())
        })?;
        Some(Self { id: request?, done: done?, total: total? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ERROR: &str = r#"{"code":0,"message":"","data":{"status":0,"code":""}}"#;

    #[test]
    fn a_notification_is_an_event() {
        let text = r#"{"jsonrpc":"2.0","method":"progress","params":{"slot_id":1}}"#;
        let Ok(Incoming::Event { method, params }) = Incoming::decode(text) else {
            panic!("not an event");
        };
        assert_eq!(method, "progress");
        assert_eq!(params.unwrap(), r#"{"slot_id":1}"#);
    }

    #[test]
    fn a_result_keeps_its_exact_text() {
        for result in ["null", "false", "18446744073709551615", r#"{"a": [1.0, "\u00e4"]}"#] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
            let Ok(Incoming::Reply { id, outcome: Ok(raw) }) = Incoming::decode(&text) else {
                panic!("not a result: {text}");
            };
            assert_eq!((id, raw), (Some(Id::Number(1)), result));
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
            &format!(r#"{{"jsonrpc":"2.0","id":null,"error":{ERROR}}}"#),
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
            r#"{"jsonrpc":"2.0","id":+1,"result":true}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":1,"result":true}"#,
            r#"{"jsonrpc":"2.0","method":7}"#,
            r#"{"jsonrpc":"1.0","id":1,"result":true}"#,
            r#"{"id":1,"result":true}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"progress","result":true}"#,
            &format!(r#"{{"jsonrpc":"2.0","id":1,"result":true,"error":{ERROR}}}"#),
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":0,"message":""}}"#,
        ] {
            assert!(Incoming::decode(text).is_err(), "{text}");
        }
    }
}
