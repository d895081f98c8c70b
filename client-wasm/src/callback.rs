//! The two ways in which a method answers: its promise, and the callback where one was given.

use std::pin::Pin;

use js_sys::{Array, Object, Promise};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::arguments;
use crate::rest_exception::RestException;

/// What a method does before it answers; the value is the response's `data`.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<JsValue, ErrorObject>>>>;

/// Runs `work` and answers with `{ data, success: true }` or a [`RestException`].
///
/// With a callback the promise counts as handled, so that a caller who ignores it sees no
/// `unhandledrejection`; one who awaits it still gets the rejection.
pub(crate) fn answer(callback: JsValue, work: Work) -> Promise {
    let callback = match arguments::function("callback", callback) {
        Ok(callback) => callback,
        Err(failure) => {
            return Promise::reject(&RestException::from(ErrorObject::from(failure)));
        }
    };
    let heard = callback.is_some();
    let promise = future_to_promise(async move {
        let outcome = match work.await {
            Ok(data) => Ok(response(data)),
            Err(error) => Err(RestException::from(error).into()),
        };
        if let Some(callback) = callback {
            let (error, response) = match &outcome {
                Ok(response) => (&JsValue::NULL, response),
                Err(error) => (error, &JsValue::UNDEFINED),
            };
            callback.call2(&JsValue::UNDEFINED, error, response).map_or_else(report, drop);
        }
        outcome
    });
    if heard {
        // It listens to the promise and never rejects itself.
        let _ = Promise::all_settled(&Array::of1(&promise));
    }
    promise
}

fn response(data: JsValue) -> JsValue {
    let response: Response = Object::new().unchecked_into();
    response.set_data(&data);
    response.set_success(true);
    response.into()
}

/// Hands over what a function of the page threw, as the browser does with an event listener's.
pub(crate) fn report(error: JsValue) {
    if report_error(&error).is_err() {
        console_error(&error);
    }
}

#[wasm_bindgen]
extern "C" {
    /// What a method answers with. Made for every call: a name that comes out of the WebAssembly
    /// costs more than the field.
    type Response;

    #[wasm_bindgen(method, setter)]
    fn set_data(this: &Response, data: &JsValue);

    #[wasm_bindgen(method, setter)]
    fn set_success(this: &Response, success: bool);

    #[wasm_bindgen(catch, js_name = reportError)]
    fn report_error(error: &JsValue) -> Result<(), JsValue>;

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn console_error(error: &JsValue);
}
