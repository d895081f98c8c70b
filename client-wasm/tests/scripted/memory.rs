//! Copies of a PIN in the client's memory. JavaScript makes the PIN, so the memory gets it only as
//! the argument of a call.

use js_sys::Function;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn no_copy_of_the_pin_remains_after_the_request_was_sent() {
    let bridge = connect("{}").await;
    let (listener, _events) = recorder();
    bridge.client.add_event_listener(&"traffic".into(), &listener, &NONE).unwrap();
    evaluate("globalThis.pin = String(crypto.getRandomValues(new BigUint64Array(1))[0])");
    let request = evaluate(
        "({ slot_id: 1, cert_id: '01', algorithm_reference: 'sha256', pin, \
            data: Array(100).fill('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=') })",
    );
    let batch = bridge.pkcs11.sign_data_batch(&request, NONE, NONE);
    set(&request, "data", "AQI=");
    let one = bridge.pkcs11.sign_data(&request, NONE);
    set(&request, "data", "not base64");
    rejected(bridge.pkcs11.sign_data(&request, NONE)).await;
    // The last call waits in the queue, so its PIN has to be there.
    let others: Vec<_> = (0..61).map(|_| bridge.pkcs11.info(NONE)).collect();
    set(&request, "data", "AQI=");
    let queued = bridge.pkcs11.sign_data(&request, NONE);
    assert_eq!(copies(), 1, "the search finds the queued PIN");

    for (number, call) in [batch, one].into_iter().chain(others).enumerate() {
        bridge.reply(number as u32, "[]");
        resolved(call).await;
    }
    bridge.reply(63, "true");
    resolved(queued).await;
    assert_eq!(copies(), 0);
}

/// The number of copies of the PIN in the memory.
fn copies() -> u32 {
    let count: Function = evaluate(
        "(memory) => { \
             const bytes = new Uint8Array(memory.buffer); \
             const wanted = [...pin].map((digit) => digit.charCodeAt(0)); \
             let count = 0; \
             const next = (from) => bytes.indexOf(wanted[0], from); \
             for (let at = next(0); at >= 0; at = next(at + 1)) { \
                 if (wanted.every((byte, place) => bytes[at + place] === byte)) count += 1; \
             } \
             return count; \
         }",
    )
    .unchecked_into();
    count.call1(&NONE, &wasm_bindgen::memory()).unwrap().as_f64().unwrap() as u32
}
