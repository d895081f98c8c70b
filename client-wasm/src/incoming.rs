//! What the bridge sends, decoded. The browser reads the JSON: that is small and fast, and a
//! result, whose names are those of the JavaScript API already, goes to the page untouched.

use js_sys::{JSON, Reflect};
use pkcs11_bridge_protocol::event::{self, Event};
use pkcs11_bridge_protocol::failure::ErrorObject;
use serde::Deserialize;
use wasm_bindgen::prelude::*;

/// A frame from the bridge.
pub(crate) enum Incoming {
    /// The reply to the request of that id.
    Reply { id: u64, outcome: Result<JsValue, ErrorObject> },
    /// How far the request of that id has come.
    Progress(Progress),
    /// A reply to nobody, or an event that this version of the client does not know.
    Other,
}

/// The parameters of `progress`. The counts go to the page, where all numbers are of this kind.
pub(crate) struct Progress {
    pub(crate) id: u64,
    pub(crate) done: f64,
    pub(crate) total: f64,
}

impl Progress {
    fn from_js(params: &JsValue) -> Option<Self> {
        let number = |name: &str| Reflect::get(params, &JsValue::from(name)).ok()?.as_f64();
        Some(Self { id: number("id")? as u64, done: number("done")?, total: number("total")? })
    }
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
    params: JsValue,
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
            Message { id: Some(id), method: None, result, error: None, .. }
                if !result.is_undefined() =>
            {
                Ok(Self::Reply { id, outcome: Ok(result) })
            }
            Message { id: Some(id), method: None, result, error: Some(error), .. }
                if result.is_undefined() =>
            {
                Ok(Self::Reply { id, outcome: Err(error) })
            }
            Message { id: None, method, params, .. } => {
                let progress = match method.as_deref() {
                    Some(event::Progress::NAME) => Progress::from_js(&params),
                    _ => None,
                };
                Ok(progress.map_or(Self::Other, Self::Progress))
            }
            _ => Err(Unreadable),
        }
    }
}
