//! Requests: the messages that the page sends.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Id;
use super::json::{Version, decode_json, shortened};
use crate::call::{Call, Decoder, Method};
use crate::error_code::ErrorCode;
use crate::failure::Failure;

/// A decoded request. There is no `Debug`, because some calls hold a PIN.
pub struct Request {
    /// The id that the page chose. The reply has the same id.
    pub id: Id,
    /// The method and its parameters.
    pub call: Call,
}

/// A message that could not be decoded as a request. The connection survives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The id of the request, if it could be decoded.
    pub id: Option<Id>,
    /// What is wrong with the message.
    pub failure: Failure,
}

impl Request {
    /// Decodes the text of a frame. On failure, [`Rejected`] has what the error reply needs.
    pub fn decode(text: &str) -> Result<Self, Rejected> {
        let envelope: Envelope<'_> =
            decode_json(text).map_err(|problem| not_a_request(text, &problem))?;
        let params = Params(envelope.params.map_or("{}", RawValue::get));
        let (code, message) = match Call::decode(&envelope.method, params) {
            Some(Ok(call)) => return Ok(Self { id: envelope.id, call }),
            Some(Err(problem)) => (
                ErrorCode::BadArgument,
                format!("In the params of {}: {problem}.", envelope.method),
            ),
            None => (
                ErrorCode::UnknownMethod,
                format!(
                    "There is no method `{}`; there are {}.",
                    shortened(&envelope.method),
                    Call::METHODS.join(", ")
                ),
            ),
        };
        Err(Rejected { id: Some(envelope.id), failure: Failure::new(code, message) })
    }

    /// Encodes a request of method `M`.
    pub fn encode<M: Method>(id: u64, params: &M) -> Result<String, serde_json::Error> {
        serde_json::to_string(&OutgoingRequest { jsonrpc: Version, id, method: M::NAME, params })
    }
}

/// Explains why `text` is not a request. Keeps the id if the text has a valid one, so that the page
/// can match the error to its request.
fn not_a_request(text: &str, problem: &str) -> Rejected {
    let (code, message) = match serde_json::from_str::<IgnoredAny>(text) {
        Err(error) => {
            let position = format!("line {}, column {}", error.line(), error.column());
            (ErrorCode::NotJson, format!("The message is not JSON ({position})."))
        }
        Ok(_) if text.trim_start().starts_with('[') => (
            ErrorCode::NotRequest,
            "Batches are not supported: send each request in a message of its own.".to_owned(),
        ),
        Ok(_) if !text.trim_start().starts_with('{') => (
            ErrorCode::NotRequest,
            "The message is not an object, so it is not a JSON-RPC 2.0 request.".to_owned(),
        ),
        Ok(_) => (
            ErrorCode::NotRequest,
            format!("The message is not a JSON-RPC 2.0 request: {problem}."),
        ),
    };
    let id = serde_json::from_str::<OnlyId>(text).ok().map(|only| only.id);
    Rejected { id, failure: Failure::new(code, message) }
}

#[derive(Deserialize)]
struct OnlyId {
    id: Id,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(rename = "jsonrpc")]
    _jsonrpc: Version,
    id: Id,
    method: String,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct OutgoingRequest<'a, P> {
    jsonrpc: Version,
    id: u64,
    method: &'static str,
    params: &'a P,
}

struct Params<'a>(&'a str);

impl Decoder for Params<'_> {
    type Error = String;

    fn decode<P: DeserializeOwned>(self) -> Result<P, String> {
        if !self.0.starts_with('{') {
            return Err("`params` is not an object".to_owned());
        }
        decode_json(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(text: &str) -> Rejected {
        Request::decode(text).err().expect("a request that cannot be decoded")
    }

    #[test]
    fn each_malformed_message_gets_its_error_code() {
        let ping = r#"{"jsonrpc":"2.0","id":1,"method":"hello"}"#;
        assert!(Request::decode(ping).is_ok());
        for (text, code) in [
            ("", ErrorCode::NotJson),
            ("{", ErrorCode::NotJson),
            ("hello", ErrorCode::NotJson),
            ("1", ErrorCode::NotRequest),
            ("null", ErrorCode::NotRequest),
            ("[]", ErrorCode::NotRequest),
            ("{}", ErrorCode::NotRequest),
            (&format!("[{ping}]"), ErrorCode::NotRequest),
            (r#"{"jsonrpc":"1.0","id":1,"method":"hello"}"#, ErrorCode::NotRequest),
            (r#"{"id":1,"method":"hello"}"#, ErrorCode::NotRequest),
            (r#"{"jsonrpc":"2.0","method":"hello"}"#, ErrorCode::NotRequest),
            (r#"{"jsonrpc":"2.0","id":null,"method":"hello"}"#, ErrorCode::NotRequest),
            (r#"{"jsonrpc":"2.0","id":1.5,"method":"hello"}"#, ErrorCode::NotRequest),
            (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, ErrorCode::NotRequest),
            (r#"{"jsonrpc":"2.0","id":1,"method":"Hello"}"#, ErrorCode::UnknownMethod),
            (r#"{"jsonrpc":"2.0","id":1,"method":"hello","params":[]}"#, ErrorCode::BadArgument),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"hello","params":{"a":1}}"#,
                ErrorCode::BadArgument,
            ),
        ] {
            assert_eq!(rejected(text).failure.code, code, "{text}");
        }
    }

    #[test]
    fn a_rejected_message_keeps_its_id_if_the_id_is_valid() {
        let id = rejected(r#"{"jsonrpc":"2.0","id":"a","method":7}"#).id;
        assert_eq!(id, Some(Id::String("a".to_owned())));
        assert_eq!(rejected(r#"{"id":{}}"#).id, None);
        let long = "x".repeat(Id::MAX_LEN + 1);
        let text = format!(r#"{{"jsonrpc":"2.0","id":"{long}","method":"hello"}}"#);
        assert_eq!(rejected(&text).id, None);
    }

    #[test]
    fn errors_name_the_field_and_repeat_no_value() {
        let call = |params: &str| {
            let text =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"signData","params":{params}}}"#);
            rejected(&text).failure.message
        };
        let good = r#""slot_id":1,"cert_id":"01","algorithm_reference":"sha256""#;
        for (params, field) in [
            (r#"{"slot_id":1,"cert_id":"01"}"#.to_owned(), "missing field `algorithm_reference`"),
            (format!(r#"{{{good},"data":"AQI=","Pin":"1234"}}"#), "unknown field `Pin`"),
            (format!(r#"{{{good},"data":"AQI=","pin":1234}}"#), "`pin` has to be a string"),
            (format!(r#"{{{good},"data":"AQI=","pin":["1234"]}}"#), "`pin` has to be a string"),
            (format!(r#"{{{good},"data":"1234-"}}"#), "`data` is not standard base64"),
            (r#"{"slot_id":"1234x"}"#.to_owned(), "`slot_id` has to be a slot id"),
            (r#"{"slot_id":-1234}"#.to_owned(), "`slot_id` has to be a slot id"),
            (
                r#"{"algorithm_reference":"1234"}"#.to_owned(),
                "`algorithm_reference` is not a known",
            ),
            (r#"{"signature_format":"1234"}"#.to_owned(), "`signature_format`"),
        ] {
            let message = call(&params);
            assert!(message.contains(field), "{params}: {message}");
            assert!(!message.contains("1234"), "{params}: {message}");
        }
    }

    #[test]
    fn a_field_name_cannot_forge_parts_of_the_error() {
        for name in ["x`, expected 1234\\n", "x at line 3", "missing field", "`, expected `a"] {
            for params in [format!(r#"{{"{name}":1}}"#), format!(r#"{{"module":{{"{name}":1}}}}"#)]
            {
                for method in ["info", "hello"] {
                    let text = format!(
                        r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#
                    );
                    let message = rejected(&text).failure.message;
                    assert!(message.len() < 200 && !message.contains('\n'), "{message}");
                }
            }
        }
        let params = r#"{"token_present":"4711 at line 3"}"#;
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"slots","params":{params}}}"#);
        assert!(!rejected(&text).failure.message.contains("4711"));
    }

    #[test]
    fn long_names_are_cut_and_escaped() {
        let name = format!("\\n{}", "x".repeat(100_000));
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}"}}"#);
        let message = rejected(&text).failure.message;
        assert!(message.len() < 300 && message.contains("\\nxxx"), "{message}");
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"info","params":{{"{name}":1}}}}"#);
        assert!(rejected(&text).failure.message.len() < 300);
    }
}
