//! Finds the bridge, and knows it by its key. The search is JavaScript, because the WebAssembly
//! would be a tenth larger with it: see `js/bridge_search.js`.

use js_sys::{Array, Function};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;
use web_sys::WebSocket;

use crate::connection::unreadable;
use crate::object::field;
use crate::socket::Socket;

/// A program on a port of the bridge.
pub(crate) struct Found {
    pub(crate) socket: Socket,
    pub(crate) port: u16,
    /// Whether it has proved that it is the bridge. If not, the user has not approved the page yet.
    pub(crate) proved: bool,
}

impl BridgeSearch {
    /// Searches until the bridge is found, or until it is clear that it is not there.
    pub(crate) async fn find(&self) -> Result<Found, Failure> {
        let found = self.run().await;
        check(&found)?;
        let socket: WebSocket = field(&found, "socket").unchecked_into();
        Ok(Found {
            socket: Socket::of(socket).ok_or_else(unreadable)?,
            port: field(&found, "port").as_f64().map_or(0, |port| port as u16),
            proved: field(&found, "proved").is_truthy(),
        })
    }

    /// Checks the result of the `hello` of a challenge.
    pub(crate) async fn check_proof(
        &self,
        challenge: &Challenge,
        result: &JsValue,
    ) -> Result<(), Failure> {
        check(&self.accept(challenge, result).await)
    }
}

/// Whether an outcome of the search is a failure.
fn check(outcome: &JsValue) -> Result<(), Failure> {
    let Some(code) = field(outcome, "code").as_string() else { return Ok(()) };
    let code = ErrorCode::ALL.iter().find(|known| known.code() == code);
    let message = field(outcome, "message").as_string().unwrap_or_default();
    Err(Failure::new(code.copied().unwrap_or(ErrorCode::BridgeUnreachable), message))
}

#[wasm_bindgen(module = "/js/bridge_search.js")]
extern "C" {
    /// Searches for the bridge of one client.
    #[derive(Clone)]
    pub(crate) type BridgeSearch;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(
        first: u16,
        last: u16,
        limit: u32,
        pinned: &Array,
        load_verifier: Option<&Function>,
    ) -> BridgeSearch;

    /// The fingerprint of the key that the bridge proved last.
    #[wasm_bindgen(method, getter, js_name = provedKey)]
    pub(crate) fn proved_key(this: &BridgeSearch) -> JsValue;

    #[wasm_bindgen(method)]
    async fn run(this: &BridgeSearch) -> JsValue;

    /// A question to the program on a port, which only the bridge can answer.
    #[wasm_bindgen(method)]
    pub(crate) fn challenge(this: &BridgeSearch, port: u16) -> Challenge;

    #[wasm_bindgen(method)]
    async fn accept(this: &BridgeSearch, challenge: &Challenge, result: &JsValue) -> JsValue;
}

#[wasm_bindgen(module = "/js/bridge_proof.js")]
extern "C" {
    /// A question that only the bridge can answer.
    #[derive(Clone)]
    pub(crate) type Challenge;

    /// The request that asks it.
    #[wasm_bindgen(method)]
    pub(crate) fn hello(this: &Challenge, id: f64, may_ask_user: bool) -> String;
}
