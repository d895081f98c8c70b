//! Checks each signature in the page, so that a false bridge cannot pass one off. The verifier is a
//! WebAssembly of its own: see `verifier-wasm` and `js/signature_checks.js`.

use std::rc::{Rc, Weak};

use js_sys::{Function, Promise};
use pkcs11_bridge_protocol::call::Certificates;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use crate::arguments;
use crate::connection::Connection;
use crate::rest_exception::RestException;

/// The check of the signatures of one call. `None` inside if the page wants none.
pub(crate) struct SignatureCheck(Option<Function>);

impl SignatureChecks {
    /// The checks for a connection. `load_verifier` loads the verifier of the package.
    pub(crate) fn of(connection: &Rc<Connection>, load_verifier: &Function) -> Self {
        let connection = Rc::downgrade(connection);
        let fetch = Closure::new(move |module, slot_id| fetch(&connection, module, slot_id));
        let fetch: Closure<dyn Fn(Option<String>, JsValue) -> Promise> = fetch;
        // The browser frees it together with the checks.
        Self::new(load_verifier, &fetch.into_js_value())
    }
}

impl SignatureCheck {
    /// Prepares the check for a call with `request`.
    pub(crate) fn start(
        checks: Option<&SignatureChecks>,
        module: Option<&str>,
        request: &JsValue,
    ) -> Self {
        Self(checks.map(|checks| checks.start(module, request)))
    }

    /// Fails if the signature is not one of the certificate and the data with this index.
    pub(crate) async fn check(&self, index: u32, signature: &JsValue) -> Result<(), Failure> {
        let Some(accepts) = &self.0 else { return Ok(()) };
        let accepted = accepts.call2(&JsValue::UNDEFINED, &index.into(), signature);
        let accepted = JsFuture::from(Promise::resolve(&accepted.unwrap_or_default())).await;
        if accepted.is_ok_and(|accepted| accepted.is_truthy()) { Ok(()) } else { Err(forged()) }
    }
}

/// Reads the certificates in a slot, if the page has not done so.
fn fetch(connection: &Weak<Connection>, module: Option<String>, slot_id: JsValue) -> Promise {
    let connection = connection.upgrade();
    future_to_promise(async move {
        let connection = connection.ok_or(JsValue::UNDEFINED)?;
        let slot_id = arguments::alone("slot_id", slot_id).map_err(RestException::from)?;
        let reply = connection.call(Certificates { module, slot_id }, |_| ());
        let list = reply.map_err(RestException::from)?.result().await;
        Ok(list.map_err(RestException::from)?)
    })
}

fn forged() -> Failure {
    let message = "The page checked the signature, and it does not belong to the certificate and \
                   the data. It comes from a false or faulty bridge, or another token is in the \
                   slot. Read the certificates again. If the error stays, ask the administrator.";
    Failure::new(ErrorCode::Internal, message)
}

#[wasm_bindgen(module = "/js/signature_checks.js")]
extern "C" {
    /// The checks of one client.
    #[derive(Clone)]
    pub(crate) type SignatureChecks;

    #[wasm_bindgen(constructor)]
    fn new(load_verifier: &Function, fetch: &JsValue) -> SignatureChecks;

    /// The page reads the certificates in a slot.
    #[wasm_bindgen(method)]
    pub(crate) fn note(
        this: &SignatureChecks,
        module: Option<&str>,
        slot_id: &JsValue,
        certificates: &JsValue,
    );

    #[wasm_bindgen(method)]
    fn start(this: &SignatureChecks, module: Option<&str>, request: &JsValue) -> Function;
}
