//! Helpers for promises, errors and objects, as a page uses them.

use js_sys::{Array, Function, Promise, Reflect};
use pkcs11_bridge_client::RestException;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

pub(super) fn set(object: &JsValue, name: &str, value: impl Into<JsValue>) {
    Reflect::set(object, &name.into(), &value.into()).unwrap();
}

/// The value of a promise, which has to resolve.
pub(super) async fn resolved(promise: Promise) -> JsValue {
    settled(promise).await.unwrap_or_else(|error| panic!("{}", describe(&error)))
}

/// The `RestException` of a promise, which has to be rejected.
pub(super) async fn rejected(promise: Promise) -> RestException {
    settled(promise).await.expect_err("a rejection")
}

pub(super) async fn settled(promise: Promise) -> Result<JsValue, RestException> {
    JsFuture::from(promise).await.map_err(|error| {
        error.dyn_into().unwrap_or_else(|error| panic!("not a RestException: {error:?}"))
    })
}

pub(super) fn describe(error: &RestException) -> String {
    format!("{}/{} {}", error.status(), error.code(), error.description())
}

#[track_caller]
pub(super) fn assert_error(error: &RestException, status: u16, code: &str, description: &str) {
    assert_eq!((error.status(), error.code().as_str()), (status, code), "{}", describe(error));
    assert!(error.description().contains(description), "{}", describe(error));
}

/// The value at a path such as `data.0.slot_id`, or `undefined`.
pub(super) fn at(value: &JsValue, path: &str) -> JsValue {
    path.split('.').fold(value.clone(), |value, name| {
        Reflect::get(&value, &name.into()).unwrap_or_else(|_| panic!("nothing at {path}"))
    })
}

pub(super) fn text(value: &JsValue, path: &str) -> String {
    at(value, path).as_string().unwrap_or_else(|| panic!("no string at {path}: {value:?}"))
}

/// A function of the page, and an array that gets the arguments of each call.
pub(super) fn recorder() -> (JsValue, Array) {
    let calls = Array::new();
    let make: Function =
        evaluate("(calls) => (...given) => { calls.push(given); }").unchecked_into();
    (make.call1(&JsValue::UNDEFINED, &calls).unwrap(), calls)
}

/// Waits until a condition is true, for at most ten seconds.
pub(super) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if condition() {
            return;
        }
        pause(10).await;
    }
    panic!("this did not happen: {what}");
}

pub(super) async fn pause(milliseconds: u32) {
    let timer = format!("new Promise((resolve) => setTimeout(resolve, {milliseconds}))");
    resolved(evaluate(&timer).unchecked_into()).await;
}

pub(super) fn evaluate(expression: &str) -> JsValue {
    js_sys::eval(expression).unwrap_or_else(|error| panic!("{expression}: {error:?}"))
}
