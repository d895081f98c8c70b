//! Replies in any order: late, twice, or to an unknown call.

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn each_reply_goes_to_its_own_call() {
    let bridge = connect("{}").await;
    let calls: Vec<_> = (0..50).map(|_| bridge.pkcs11.info(NONE)).collect();
    for number in (0..50).rev() {
        // Every other call gets two replies. Each reply is followed by one to an unknown call.
        for _ in 0..=number % 2 {
            bridge.reply(number, &format!("{{\"of\":{number}}}"));
        }
        bridge.say(r#"{"jsonrpc":"2.0","id":4711,"result":{"of":"another"}}"#);
    }
    for (number, call) in calls.into_iter().enumerate() {
        assert_eq!(at(&resolved(call).await, "data.of"), number as f64);
    }
}

#[wasm_bindgen_test]
async fn a_late_reply_frees_the_place_of_its_call() {
    let bridge = connect("({ timeout: 100 })").await;
    let (callback, calls) = recorder();
    let late: Vec<_> = (0..63).map(|_| bridge.pkcs11.info(callback.clone())).collect();
    for call in late {
        assert_error(&rejected(call).await, 408, "900", "info was not answered within 100 ms");
    }
    let waiting = bridge.pkcs11.slots(NONE);
    assert_eq!(bridge.requests().length(), 63, "the bridge still counts the late calls");
    bridge.reply(0, r#"{"of":"another"}"#);
    wait_until("it was sent", || bridge.requests().length() == 64).await;
    bridge.reply(63, "[]");
    assert_eq!(at(&resolved(waiting).await, "data.length"), 0.0);
    assert_eq!(calls.length(), 63);
}

#[wasm_bindgen_test]
async fn calls_that_are_too_long_together_wait_for_each_other() {
    let bridge = connect("{}").await;
    let long =
        "({ slot_id: 1, cert_id: '01', algorithm_reference: 'EdDSA', data: 'A'.repeat(600000) })";
    let calls = [(); 3].map(|()| bridge.pkcs11.sign_data(&evaluate(long), NONE));
    for (number, call) in (0..).zip(calls) {
        assert_eq!(bridge.requests().length(), number + 1);
        bridge.reply(number, "\"AQI=\"");
        assert_eq!(at(&resolved(call).await, "data"), "AQI=");
    }
}

#[wasm_bindgen_test]
async fn a_frame_that_is_not_a_message_ends_the_connection() {
    for frame in [
        "",
        "7",
        "null",
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":true}"#,
        r#"{"jsonrpc":"2.0","id":-1,"result":true}"#,
        r#"{"jsonrpc":"2.0","id":"1","result":true}"#,
        concat!(
            r#"{"jsonrpc":"2.0","id":1,"result":true,"#,
            r#""error":{"code":0,"message":"","data":{"status":0,"code":""}}}"#
        ),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":0,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"slot","result":true}"#,
        r#"{"jsonrpc":"2.0","method":7}"#,
        r#"{"id":1,"result":true}"#,
    ] {
        let bridge = connect("{}").await;
        let call = bridge.pkcs11.info(NONE);
        bridge.say(frame);
        assert_error(&rejected(call).await, 500, "999", "a frame that cannot be read");
        bridge.client.close();
    }
}
