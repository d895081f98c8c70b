//! Callbacks, with and without the promise.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn every_method_calls_back_and_resolves() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let slot = slot(&pkcs11).await;
    let sign = sign_request(&pkcs11, "01").await;
    let signature = text(&resolved(pkcs11.sign_data(&sign, NONE)).await, "data");
    let verify = verify_request(&pkcs11, "01", &signature).await;
    for method in 0..11 {
        let (callback, calls) = recorder();
        let promise = match method {
            0 => client.hello(callback),
            1 => client.modules(callback),
            2 => pkcs11.info(callback),
            3 => pkcs11.slots(callback),
            4 => pkcs11.slots_with_token_present(callback),
            5 => pkcs11.token(callback, NONE),
            6 => pkcs11.token(slot.clone(), callback),
            7 => pkcs11.certificates(slot.clone(), callback, NONE),
            8 => pkcs11.certificates(slot.clone(), evaluate("({ parseCerts: true })"), callback),
            9 => pkcs11.sign_data(&sign, callback),
            _ => pkcs11.verify_signed_data(&verify, callback),
        };
        let response = resolved(promise).await;
        assert_eq!(calls.length(), 1, "method {method}");
        let arguments: Array = calls.get(0).unchecked_into();
        assert_eq!(arguments.length(), 2);
        assert_eq!(arguments.get(0), JsValue::NULL);
        assert_eq!(arguments.get(1), response);
        assert_eq!(at(&response, "success"), JsValue::TRUE);
    }
}

#[wasm_bindgen_test]
async fn every_method_calls_back_and_rejects() {
    let client = connect().await;
    let pkcs11 = client.pkcs11("nosuch".into()).unwrap();
    for method in 0..7 {
        let (callback, calls) = recorder();
        let promise = match method {
            0 => pkcs11.info(callback),
            1 => pkcs11.slots(callback),
            2 => pkcs11.slots_with_token_present(callback),
            3 => pkcs11.token(callback, NONE),
            // Without a slot the client refuses the arguments itself.
            4 => pkcs11.certificates(callback, NONE, NONE),
            5 => pkcs11.sign_data(&NONE, callback),
            _ => pkcs11.verify_signed_data(&evaluate("({})"), callback),
        };
        let error = rejected(promise).await;
        assert_eq!(calls.length(), 1, "method {method}");
        let arguments: Array = calls.get(0).unchecked_into();
        assert_eq!(arguments.get(0), JsValue::from(error));
        assert_eq!(arguments.get(1), JsValue::UNDEFINED);
    }
}

#[wasm_bindgen_test]
async fn a_callback_alone_leaves_no_unhandled_rejection() {
    let unhandled = evaluate(
        "globalThis.unhandled = []; \
         addEventListener('unhandledrejection', (event) => { \
             unhandled.push(event.reason); event.preventDefault(); \
         }); unhandled",
    );
    let unhandled: Array = unhandled.unchecked_into();
    let pkcs11 = pkcs11().await;
    let (callback, calls) = recorder();
    let _ = pkcs11.token(999_999.into(), callback.clone());
    let _ = pkcs11.sign_data(&NONE, callback.clone());
    let _ = pkcs11.certificates(callback.clone(), NONE, NONE);
    wait_until("three callbacks", || calls.length() == 3).await;
    pause(50).await;
    assert_eq!(unhandled.length(), 0);

    // Without a callback the rejection is unhandled, so the listener works.
    let _ = pkcs11.token(999_999.into(), NONE);
    wait_until("an unhandled rejection", || unhandled.length() == 1).await;
}

#[wasm_bindgen_test]
async fn an_exception_of_a_callback_is_reported() {
    let reported = evaluate(
        "globalThis.reported = []; \
         addEventListener('error', (event) => { \
             reported.push(event.message); event.preventDefault(); \
         }, { once: true }); reported",
    );
    let pkcs11 = pkcs11().await;
    let throwing = evaluate("() => { throw new Error('of the page'); }");
    resolved(pkcs11.info(throwing)).await;
    assert!(text(&reported, "0").contains("of the page"));
    resolved(pkcs11.info(NONE)).await;
}

#[wasm_bindgen_test]
async fn a_callback_may_call_the_client() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let (done, calls) = recorder();
    let again = Closure::once_into_js(move |_error: JsValue, _response: JsValue| {
        let _ = pkcs11.info(done);
        client.close();
    });
    let _ = default_module(&connect().await).info(again);
    wait_until("the inner callback", || calls.length() == 1).await;
}

#[wasm_bindgen_test]
async fn a_callback_has_to_be_a_function() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let slot = slot(&pkcs11).await;
    for promise in [
        client.hello(7.into()),
        pkcs11.info("callback".into()),
        pkcs11.token(slot, evaluate("({})")),
    ] {
        let error = rejected(promise).await;
        assert_error(&error, 400, "801", "`callback` has to be a function");
    }
}
