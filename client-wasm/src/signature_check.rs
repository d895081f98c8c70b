//! Checks each signature in the page, so that a false bridge cannot pass one off. The verifier is a
//! WebAssembly of its own: see `verifier-wasm` and `js/signature_checks.js`.

use js_sys::{Function, JSON};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;

use crate::connection::unreadable;
use crate::object::field;

/// The check of the signatures of one call. `None` inside if the page wants none.
pub(crate) struct SignatureCheck(Option<Check>);

impl SignatureCheck {
    /// Prepares the check for a call with `request`. Without `checks`, accepts everything.
    pub(crate) fn start(
        checks: Option<&(SignatureChecks, JsValue)>,
        module: Option<&str>,
        request: &JsValue,
    ) -> Self {
        Self(checks.map(|(checks, pkcs11)| checks.start(module, request, pkcs11)))
    }

    /// Checks the result of `signData`, `signDataBatch` or `authenticate`. In a batch, an error
    /// replaces a signature that is not one of the certificate and the data.
    pub(crate) async fn finish(self, result: JsValue) -> Result<JsValue, ErrorObject> {
        let Some(check) = self.0 else { return Ok(result) };
        let result = check.finish(result).await;
        match field(&result, "error") {
            error if error.is_undefined() => Ok(result),
            error => Err(decoded(&error)?),
        }
    }
}

/// Decodes an error in a result, as the error of a reply is decoded.
pub(crate) fn decoded(error: &JsValue) -> Result<ErrorObject, ErrorObject> {
    let json = JSON::stringify(error).ok().and_then(|json| json.as_string());
    json.and_then(|json| ErrorObject::decode(&json)).ok_or_else(|| unreadable().into())
}

#[wasm_bindgen(module = "/js/signature_checks.js")]
extern "C" {
    /// The checks of one client.
    #[derive(Clone)]
    pub(crate) type SignatureChecks;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(load_verifier: &Function) -> SignatureChecks;

    /// The page reads the certificates in a slot.
    #[wasm_bindgen(method)]
    pub(crate) fn note(
        this: &SignatureChecks,
        module: Option<&str>,
        slot_id: &JsValue,
        certificates: &JsValue,
    );

    /// The page reads the keys without a certificate in a slot.
    #[wasm_bindgen(method, js_name = noteKeys)]
    pub(crate) fn note_keys(
        this: &SignatureChecks,
        module: Option<&str>,
        slot_id: &JsValue,
        keys: &JsValue,
    );

    #[wasm_bindgen(method)]
    fn start(
        this: &SignatureChecks,
        module: Option<&str>,
        request: &JsValue,
        pkcs11: &JsValue,
    ) -> Check;

    type Check;

    #[wasm_bindgen(method)]
    async fn finish(this: &Check, result: JsValue) -> JsValue;
}
