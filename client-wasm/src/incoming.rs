//! What the bridge sends, decoded. The browser reads the JSON: that is small and fast, and a
//! result, whose names are those of the JavaScript API already, goes to the page untouched.

use js_sys::JsString;
use pkcs11_bridge_protocol::error_object::{ErrorData, ErrorObject};
use pkcs11_bridge_protocol::event::{self, Event};
use wasm_bindgen::prelude::*;

use crate::object::{field, is_absent};

/// A frame from the bridge.
pub(crate) enum Incoming {
    /// The reply to the request of that id.
    Reply { id: u64, outcome: Result<JsValue, ErrorObject> },
    /// How far the request of that id has come.
    Progress(Progress),
    /// What happened in a slot, as the page sees it.
    Slot(JsValue),
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
        let number = |name: &str| field(params, name).as_f64();
        Some(Self { id: number("id")? as u64, done: number("done")?, total: number("total")? })
    }
}

/// The frame breaks the protocol.
pub(crate) struct Unreadable;

impl Incoming {
    /// Reads either kind of message (JSON-RPC 2.0, sections 4.1 and 5).
    pub(crate) fn decode(text: &JsString) -> Result<Self, Unreadable> {
        let message = parse(text).map_err(|_| Unreadable)?;
        if !message.is_object() {
            return Err(Unreadable);
        }
        let message: Message = message.unchecked_into();
        let (id, method, error) = (message.id(), message.method(), message.error());
        let result = message.result();
        if is_absent(&id) {
            return match (method.as_string(), is_absent(&method)) {
                (Some(method), _) => Ok(Self::event(&method, message.params())),
                (None, true) => Ok(Self::Other),
                (None, false) => Err(Unreadable),
            };
        }
        // A result may be `false` or `null`, but not missing.
        let outcome = match (is_absent(&error), result.is_undefined()) {
            (true, false) => Ok(result),
            (false, true) => Err(error_object(&error).ok_or(Unreadable)?),
            _ => return Err(Unreadable),
        };
        let id = id.as_f64().filter(|id| id.fract() == 0.0 && *id >= 0.0).ok_or(Unreadable)?;
        if !is_absent(&method) {
            return Err(Unreadable);
        }
        Ok(Self::Reply { id: id as u64, outcome })
    }

    fn event(name: &str, params: JsValue) -> Self {
        let event = match name {
            event::Progress::NAME => Progress::from_js(&params).map(Self::Progress),
            event::Slot::NAME if params.is_object() => Some(Self::Slot(params)),
            _ => None,
        };
        event.unwrap_or(Self::Other)
    }
}

#[wasm_bindgen]
extern "C" {
    /// That of js-sys copies the text into the WebAssembly and out again.
    #[wasm_bindgen(catch, js_namespace = JSON)]
    fn parse(text: &JsString) -> Result<JsValue, JsValue>;

    /// What JSON made an object of. Its fields are read with every message, and a name that comes out of the
    /// WebAssembly costs more than the field.
    type Message;

    #[wasm_bindgen(method, getter)]
    fn id(this: &Message) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn method(this: &Message) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn params(this: &Message) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn error(this: &Message) -> JsValue;

    #[wasm_bindgen(method, getter)]
    fn result(this: &Message) -> JsValue;
}

/// The error of a reply, or of an element of a batch.
pub(crate) fn error_object(error: &JsValue) -> Option<ErrorObject> {
    let data = field(error, "data");
    let pkcs11 = field(&data, "pkcs11");
    Some(ErrorObject {
        code: field(error, "code").as_f64()? as i32,
        message: field(error, "message").as_string()?,
        data: ErrorData {
            status: field(&data, "status").as_f64()? as u16,
            code: field(&data, "code").as_string()?,
            pkcs11: if is_absent(&pkcs11) { None } else { Some(pkcs11.as_string()?) },
        },
    })
}
