//! Responds to the page in two ways: by the promise of a method, and by the page's callback.

use std::pin::Pin;

use js_sys::{Array, Object, Promise};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::arguments;
use crate::rest_exception::RestException;

/// The `data` of a response, once the bridge has replied.
pub(crate) type Data = Pin<Box<dyn Future<Output = Result<JsValue, ErrorObject>>>>;

/// Waits for `data`, and responds with `{ data, success: true }` or a [`RestException`].
pub(crate) fn respond(callback: JsValue, data: Data) -> Promise {
    respond_with(callback, Box::pin(async { data.await.map(|data| response(&data).into()) }))
}

/// Waits for a response that is complete, and responds with it or a [`RestException`].
///
/// With a callback the promise counts as handled: a caller that ignores it causes no
/// `unhandledrejection`. A caller that awaits it still gets the rejection.
pub(crate) fn respond_with(callback: JsValue, response: Data) -> Promise {
    let callback = match arguments::function("callback", callback) {
        Ok(callback) => callback,
        Err(failure) => {
            return Promise::reject(&RestException::from(ErrorObject::from(failure)));
        }
    };
    let has_callback = callback.is_some();
    let promise = future_to_promise(async move {
        let outcome = response.await.map_err(|error| RestException::from(error).into());
        if let Some(callback) = callback {
            let (error, response) = match &outcome {
                Ok(response) => (&JsValue::NULL, response),
                Err(error) => (error, &JsValue::UNDEFINED),
            };
            callback.call2(&JsValue::UNDEFINED, error, response).map_or_else(report, drop);
        }
        outcome
    });
    if has_callback {
        // Handles the rejection, and never rejects itself.
        let _ = Promise::all_settled(&Array::of1(&promise));
    }
    promise
}

/// A response with this data.
pub(crate) fn response(data: &JsValue) -> Response {
    let response: Response = Object::new().unchecked_into();
    response.set_data(data);
    response.set_success(true);
    response
}

/// Reports what a function of the page threw, as the browser does for an event listener.
pub(crate) fn report(error: JsValue) {
    if report_error(&error).is_err() {
        let _ = console_error(&error);
    }
}

#[wasm_bindgen]
extern "C" {
    /// The response of a method. Typed, because every call makes one, and passing the name of a
    /// field out of the WebAssembly takes longer than setting it.
    pub(crate) type Response;

    #[wasm_bindgen(method, setter)]
    fn set_data(this: &Response, data: &JsValue);

    #[wasm_bindgen(method, setter)]
    fn set_success(this: &Response, success: bool);

    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_login_required(this: &Response, login_required: &JsValue);

    #[wasm_bindgen(catch, js_name = reportError)]
    fn report_error(error: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(catch, js_namespace = console, js_name = error)]
    fn console_error(error: &JsValue) -> Result<(), JsValue>;
}
