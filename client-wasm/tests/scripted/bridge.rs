//! A bridge that does only what a test says.

use js_sys::{Array, Promise};
use pkcs11_bridge_client::{AbstractPkcs11, Client};
use wasm_bindgen::prelude::*;

use super::page::*;

#[wasm_bindgen(module = "/tests/scripted/socket.js")]
extern "C" {
    fn install();
    fn newest() -> JsValue;
    fn refuse(count: u32);
    fn say(socket: &JsValue, text: &str);
}

/// A client and its bridge.
pub(super) struct Scripted {
    pub(super) client: Client,
    pub(super) pkcs11: AbstractPkcs11,
}

/// Connects a client with options in JavaScript.
pub(super) async fn connect(options: &str) -> Scripted {
    install();
    let client = pkcs11_bridge_client::connect(evaluate(options), None).await.unwrap();
    let pkcs11 = client.pkcs11(JsValue::UNDEFINED).unwrap();
    Scripted { client, pkcs11 }
}

impl Scripted {
    /// Starts a batch of two hashes.
    pub(super) fn batch(&self, options: &JsValue) -> Promise {
        let request = "({ slot_id: 1, cert_id: '01', algorithm_reference: 'sha256', \
                       data: ['AQI=', 'AwQ='], pin: '86420975' })";
        self.pkcs11.sign_data_batch(&evaluate(request), options.clone(), JsValue::UNDEFINED)
    }

    /// The requests that the bridge received on its newest connection.
    pub(super) fn requests(&self) -> Array {
        at(&newest(), "sent").unchecked_into()
    }

    /// A request by its number, counted from 0.
    pub(super) fn request(&self, number: u32) -> JsValue {
        self.requests().get(number)
    }

    /// The number of requests of a method.
    pub(super) fn count(&self, method: &str) -> u32 {
        self.requests().filter(&mut |request, _, _| at(&request, "method") == method).length()
    }

    /// Answers a request with a result.
    pub(super) fn reply(&self, number: u32, result: &str) {
        let id = at(&self.request(number), "id").as_f64().unwrap();
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#));
    }

    /// Answers a request with an error.
    pub(super) fn fail(&self, number: u32, status: u16, code: &str) {
        let id = at(&self.request(number), "id").as_f64().unwrap();
        let data = format!(r#"{{"status":{status},"code":"{code}"}}"#);
        let error = format!(r#"{{"code":-32000,"message":"It failed.","data":{data}}}"#);
        self.say(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#));
    }

    /// Reports the progress of a request.
    pub(super) fn progress(&self, number: u32, done: u32) {
        let id = at(&self.request(number), "id").as_f64().unwrap();
        let params = format!(r#"{{"id":{id},"done":{done},"total":2}}"#);
        self.say(&format!(r#"{{"jsonrpc":"2.0","method":"progress","params":{params}}}"#));
    }

    pub(super) fn say(&self, text: &str) {
        say(&newest(), text);
    }

    /// Refuses the next connections, as if no bridge runs.
    pub(super) fn refuse(&self, count: u32) {
        refuse(count);
    }

    /// Closes the connection from the bridge's side.
    pub(super) fn close(&self, code: u16, reason: &str) {
        let close: js_sys::Function = at(&newest(), "close").unchecked_into();
        close.call2(&newest(), &code.into(), &reason.into()).unwrap();
    }
}

/// An `AbortController` and the options with its signal.
pub(super) fn controller() -> (JsValue, JsValue) {
    let controller = evaluate("new AbortController()");
    let options = evaluate("({})");
    set(&options, "signal", at(&controller, "signal"));
    (controller, options)
}

pub(super) fn abort(controller: &JsValue) {
    let abort: js_sys::Function = at(controller, "abort").unchecked_into();
    abort.call0(controller).unwrap();
}

/// The result of a batch of two that was cancelled after the first.
pub(super) const HALF: &str = r#"[
    {"signature":"AQID"},
    {"error":{"code":-32000,"message":"cancelled","data":{"status":499,"code":"803"}}}
]"#;
