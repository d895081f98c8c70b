//! The error that JavaScript sees. Inside the client a failure is an [`ErrorObject`], as on the
//! wire. The client turns it into a `RestException` when it hands it to the page.

use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/js/rest_exception.js")]
extern "C" {
    /// Why a call failed: a JavaScript `Error` with the fields of an error code.
    #[wasm_bindgen(extends = js_sys::Error, extends = js_sys::Object)]
    #[derive(Clone, Debug)]
    pub type RestException;

    #[wasm_bindgen(constructor)]
    fn new(status: u16, code: &str, description: &str, pkcs11: Option<&str>) -> RestException;

    /// The status. Its values are like those of HTTP.
    #[wasm_bindgen(method, getter)]
    pub fn status(this: &RestException) -> u16;

    /// The code. Distinguishes errors with the same status.
    #[wasm_bindgen(method, getter)]
    pub fn code(this: &RestException) -> String;

    /// What happened and what to do.
    #[wasm_bindgen(method, getter)]
    pub fn description(this: &RestException) -> String;

    /// The return value of the module, if there is one: `CKR_PIN_INCORRECT`.
    #[wasm_bindgen(method, getter)]
    pub fn pkcs11(this: &RestException) -> Option<String>;
}

impl From<ErrorObject> for RestException {
    fn from(error: ErrorObject) -> Self {
        let ErrorObject { message, data, .. } = error;
        Self::new(data.status, &data.code, &message, data.pkcs11.as_deref())
    }
}
