//! What the bridge sends, decoded. The browser reads the JSON: that is small and fast, and a
//! result, whose names are those of the JavaScript API already, goes to the page untouched.

use js_sys::JSON;
use pkcs11_bridge_protocol::failure::ErrorObject;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// A frame from the bridge.
pub(crate) enum Incoming {
    /// The reply to the request of that id.
    Reply { id: u64, outcome: Result<JsValue, ErrorObject> },
    /// A reply to nobody, or an event: this version of the client knows none.
    Other,
}

/// The frame breaks the protocol.
pub(crate) struct Unreadable;

/// Either kind of message (JSON-RPC 2.0, sections 4.1 and 5). A result may be `false` or `null`,
/// but not missing.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    id: Option<u64>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default, with = "serde_wasm_bindgen::preserve")]
    result: JsValue,
    #[serde(default)]
    error: Option<ErrorObject>,
}

impl Incoming {
    pub(crate) fn decode(text: &str) -> Result<Self, Unreadable> {
        let message = JSON::parse(text).map_err(|_| Unreadable)?;
        let message = serde_wasm_bindgen::from_value(message).map_err(|_| Unreadable)?;
        match message {
            Message { id: Some(id), method: None, result, error: None }
                if !result.is_undefined() =>
            {
                Ok(Self::Reply { id, outcome: Ok(result) })
            }
            Message { id: Some(id), method: None, result, error: Some(error) }
                if result.is_undefined() =>
            {
                Ok(Self::Reply { id, outcome: Err(error) })
            }
            Message { id: None, .. } => Ok(Self::Other),
            _ => Err(Unreadable),
        }
    }
}
