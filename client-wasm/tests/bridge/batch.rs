//! Batches of signatures, and logout.

use js_sys::Array;
use pkcs11_bridge_client::{AbstractPkcs11, RestException};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn each_hash_gets_its_own_signature() {
    let pkcs11 = pkcs11().await;
    for key in ["01", "03"] {
        let hashes = hashes(100);
        let request = batch_request(&pkcs11, key, &hashes).await;
        let response = resolved(pkcs11.sign_data_batch(&request, NONE, NONE)).await;
        assert_eq!(at(&response, "success"), JsValue::TRUE);
        let items: Array = at(&response, "data").unchecked_into();
        assert_eq!(items.length(), 100);
        for (item, hash) in items.iter().zip(hashes.iter()).step_by(9) {
            let question = verify_request(&pkcs11, key, &text(&item, "signature")).await;
            set(&question, "data", hash);
            let answer = resolved(pkcs11.verify_signed_data(&question, NONE)).await;
            assert_eq!(at(&answer, "data"), JsValue::TRUE, "{key}");
        }
    }
}

#[wasm_bindgen_test]
async fn progress_grows_to_the_end() {
    let pkcs11 = pkcs11().await;
    let request = batch_request(&pkcs11, "02", &hashes(200)).await;
    let (listener, calls) = recorder();
    let options = evaluate("({})");
    set(&options, "onProgress", listener);
    resolved(pkcs11.sign_data_batch(&request, options, NONE)).await;
    let done: Vec<f64> = calls.iter().map(|call| at(&call, "0.done").as_f64().unwrap()).collect();
    assert!(done.is_sorted() && done.len() > 1, "{done:?}");
    assert_eq!(done.last(), Some(&200.0));
    assert!(calls.iter().all(|call| at(&call, "0.total") == 200.0));
}

#[wasm_bindgen_test]
async fn a_hash_that_cannot_be_signed_does_not_affect_the_others() {
    let pkcs11 = pkcs11().await;
    let hashes = hashes(5);
    hashes.set(2, "AQI=".into());
    let request = batch_request(&pkcs11, "01", &hashes).await;
    let response = resolved(pkcs11.sign_data_batch(&request, NONE, NONE)).await;
    for number in [0, 1, 3, 4] {
        text(&response, &format!("data.{number}.signature"));
        assert!(at(&response, &format!("data.{number}.error")).is_undefined());
    }
    let error: RestException = at(&response, "data.2.error").dyn_into().unwrap();
    assert_error(&error, 400, "801", "`data` has 2 bytes");
    assert!(at(&response, "data.2.signature").is_undefined());
}

#[wasm_bindgen_test]
async fn a_cancelled_batch_keeps_its_signatures() {
    let pkcs11 = pkcs11().await;
    let request = batch_request(&pkcs11, "02", &hashes(1000)).await;
    let options = evaluate(
        "(() => { \
             const controller = new AbortController(); \
             return { signal: controller.signal, onProgress: () => controller.abort() }; \
         })()",
    );
    let response = resolved(pkcs11.sign_data_batch(&request, options, NONE)).await;
    let items: Array = at(&response, "data").unchecked_into();
    assert_eq!(items.length(), 1000);
    let mut made = 0;
    for item in items {
        match at(&item, "error").dyn_into::<RestException>() {
            Ok(error) => assert_error(&error, 499, "803", ""),
            Err(_) => made += text(&item, "signature").len().min(1),
        }
    }
    assert!((1..1000).contains(&made), "{made} signatures");
    // The login and the connection still work.
    resolved(pkcs11.info(NONE)).await;
}

#[wasm_bindgen_test]
async fn the_callback_may_take_the_place_of_the_options() {
    let pkcs11 = pkcs11().await;
    let request = batch_request(&pkcs11, "03", &hashes(2)).await;
    let (callback, calls) = recorder();
    for (options, callback) in [
        (callback.clone(), NONE),
        (NONE, callback.clone()),
        (JsValue::NULL, callback.clone()),
        (evaluate("({ onProgress: null, signal: undefined })"), callback.clone()),
    ] {
        let response = resolved(pkcs11.sign_data_batch(&request, options, callback)).await;
        let arguments: Array = calls.pop().unchecked_into();
        assert_eq!(arguments.get(0), JsValue::NULL);
        assert_eq!(arguments.get(1), response);
    }
    assert_eq!(calls.length(), 0);
    rejected(pkcs11.sign_data_batch(&NONE, callback, NONE)).await;
    assert_eq!(calls.length(), 1);
}

#[wasm_bindgen_test]
async fn a_pin_that_is_too_short_fails_the_whole_batch() {
    let pkcs11 = pkcs11().await;
    let request = batch_request(&pkcs11, "03", &hashes(3)).await;
    set(&request, "pin", "987");
    let error = rejected(pkcs11.sign_data_batch(&request, NONE, NONE)).await;
    assert_error(&error, 412, "106", "");
    set(&request, "pin", pin());
    resolved(pkcs11.sign_data_batch(&request, NONE, NONE)).await;
}

#[wasm_bindgen_test]
async fn logout_returns_whether_the_page_was_logged_in() {
    let pkcs11 = pkcs11().await;
    let slot = slot(&pkcs11).await;
    let request = sign_request(&pkcs11, "03").await;
    for argument in [slot, NONE, JsValue::NULL] {
        resolved(pkcs11.sign_data(&request, NONE)).await;
        for was_logged_in in [JsValue::TRUE, JsValue::FALSE] {
            let response = resolved(pkcs11.logout(argument.clone(), NONE)).await;
            assert_eq!(at(&response, "data"), was_logged_in);
            assert_eq!(at(&response, "success"), JsValue::TRUE);
        }
    }
    let (callback, calls) = recorder();
    resolved(pkcs11.logout(callback, NONE)).await;
    assert_eq!(calls.length(), 1);
}

fn hashes(count: usize) -> Array {
    let hashes = format!(
        "Array.from({{ length: {count} }}, (_, number) => \
             btoa(String.fromCharCode(number & 255, number >> 8, ...Array(30).fill(7))))"
    );
    evaluate(&hashes).unchecked_into()
}

async fn batch_request(pkcs11: &AbstractPkcs11, key: &str, hashes: &Array) -> JsValue {
    let request = sign_request(pkcs11, key).await;
    set(&request, "data", hashes);
    request
}
