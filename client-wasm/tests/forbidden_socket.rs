//! A page whose content security policy forbids the WebSocket, in a real browser. The policy holds
//! for the whole page, so this test has a file and a page of its own.

#![cfg(target_arch = "wasm32")]
// clippy.toml allows them in tests, but clippy does not recognize these tests.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use js_sys::Date;
use wasm_bindgen::JsValue;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

/// The browser refuses the socket itself: it fires `error` and no `close`.
#[wasm_bindgen_test]
async fn connect_fails_at_once() {
    js_sys::eval(
        "document.head.insertAdjacentHTML('beforeend', \
             `<meta http-equiv=\"Content-Security-Policy\" content=\"connect-src 'none'\">`)",
    )
    .unwrap();
    let start = Date::now();
    let error = pkcs11_bridge_client::connect(JsValue::UNDEFINED, None).await.err().unwrap();
    let took = Date::now() - start;
    assert_eq!((error.status(), error.code().as_str()), (500, "999"));
    // The client tries five ports, and waits for none of them.
    assert!(took < 2000.0, "after {took} ms");
}
