//! A bridge that goes away: how often the client searches for it, and what it reports.

use js_sys::Array;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn the_pauses_between_searches_grow() {
    let bridge = connect("({ ports: [24911, 24911] })").await;
    // Shortens the pauses between searches. Longer timers are limits, and shorter ones are the
    // scripted bridge's. So are those for one port, for the storage and for the proof of the key.
    let pauses: Array = evaluate(
        "globalThis.pauses = []; \
         globalThis.browser = { setTimeout: setTimeout.bind(globalThis), random: Math.random }; \
         Math.random = () => 0.5; \
         globalThis.setTimeout = (handler, time, ...rest) => { \
             const isLimit = [500, 2000, 5000].includes(time); \
             const isPause = time >= 250 && time <= 30_000 && !isLimit; \
             if (isPause) pauses.push(time); \
             return browser.setTimeout(handler, isPause ? 1 : time, ...rest); \
         }; pauses",
    )
    .unchecked_into();
    let (opened, openings) = recorder();
    bridge.client.add_event_listener(&"open".into(), &opened, &NONE).unwrap();
    bridge.refuse(9);
    bridge.close(1001, "the bridge stops");
    wait_until("connected again", || openings.length() == 1).await;
    evaluate("Math.random = browser.random; globalThis.setTimeout = browser.setTimeout");
    let expected = "375,750,1500,3000,6000,12000,22500,22500,22500,22500";
    assert_eq!(pauses.join(","), expected);
}

#[wasm_bindgen_test]
async fn a_lost_call_fails_once_and_is_not_sent_again() {
    for code in [1001, 1006] {
        let bridge = connect("{}").await;
        let (callback, calls) = recorder();
        let request = evaluate(
            "({ slot_id: 1, cert_id: '01', algorithm_reference: 'sha256', data: 'AQI=' })",
        );
        let sign = bridge.pkcs11.sign_data(&request, callback.clone());
        let info = bridge.pkcs11.info(callback);
        bridge.close(code, "");
        let error = rejected(sign).await;
        assert_error(&error, 500, "999", "It is not known what the token signed.");
        assert_error(&rejected(info).await, 500, "999", "Try again.");
        let next = bridge.pkcs11.slots(NONE);
        wait_until("it was sent", || bridge.count("slots") == 1).await;
        assert_eq!(bridge.requests().length(), 1);
        // A reply to a call of the lost connection.
        bridge.say(r#"{"jsonrpc":"2.0","id":1,"result":"AQID"}"#);
        bridge.reply(0, "[]");
        assert_eq!(at(&resolved(next).await, "data.length"), 0.0);
        assert_eq!(calls.length(), 2);
        bridge.client.close();
    }
}
