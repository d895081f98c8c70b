//! Batches: cancelled before and after they are sent, and their progress.

use js_sys::Array;
use pkcs11_bridge_client::RestException;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

#[wasm_bindgen_test]
async fn a_batch_cancelled_in_flight_keeps_its_signatures() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    let batch = bridge.batch(&options);
    abort(&controller);
    assert_eq!(bridge.requests().length(), 2);
    assert_eq!(text(&bridge.request(1), "method"), "cancel");
    assert_eq!(at(&bridge.request(1), "params.id"), at(&bridge.request(0), "id"));
    bridge.reply(1, "true");
    bridge.reply(0, HALF);
    let response = resolved(batch).await;
    assert_eq!(at(&response, "success"), JsValue::TRUE);
    assert_eq!(text(&response, "data.0.signature"), "AQID");
    let error: RestException = at(&response, "data.1.error").dyn_into().unwrap();
    assert_error(&error, 499, "803", "cancelled");
}

#[wasm_bindgen_test]
async fn a_batch_cancelled_beforehand_is_not_sent() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    abort(&controller);
    let error = rejected(bridge.batch(&options)).await;
    assert_error(&error, 499, "803", "before it was sent");
    assert_eq!(bridge.requests().length(), 0);
}

#[wasm_bindgen_test]
async fn a_batch_cancelled_in_the_queue_is_not_sent() {
    let bridge = connect("{}").await;
    let all: Vec<_> = (0..63).map(|_| bridge.pkcs11.info(JsValue::UNDEFINED)).collect();
    let (controller, options) = controller();
    let batch = bridge.batch(&options);
    assert_eq!(bridge.requests().length(), 63, "the batch waits");
    abort(&controller);
    assert_error(&rejected(batch).await, 499, "803", "before it was sent");
    for (number, call) in all.into_iter().enumerate() {
        bridge.reply(number as u32, "{}");
        resolved(call).await;
    }
    assert_eq!(bridge.requests().length(), 63, "neither the batch nor a cancel was sent");
}

#[wasm_bindgen_test]
async fn a_cancel_overtakes_queued_calls() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    let batch = bridge.batch(&options);
    let others: Vec<_> = (0..100).map(|_| bridge.pkcs11.info(JsValue::UNDEFINED)).collect();
    assert_eq!(bridge.requests().length(), 63);
    abort(&controller);
    assert_eq!(text(&bridge.request(63), "method"), "cancel");
    bridge.reply(0, HALF);
    resolved(batch).await;
    bridge.client.close();
    for call in others {
        rejected(call).await;
    }
}

#[wasm_bindgen_test]
async fn the_signal_does_nothing_after_the_reply() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    let watch: js_sys::Function = evaluate(
        "(signal) => { \
             signal.listeners = new Set(); \
             const { addEventListener, removeEventListener } = signal; \
             signal.addEventListener = (kind, listener) => { \
                 signal.listeners.add(listener); \
                 addEventListener.call(signal, kind, listener); \
             }; \
             signal.removeEventListener = (kind, listener) => { \
                 signal.listeners.delete(listener); \
                 removeEventListener.call(signal, kind, listener); \
             }; \
         }",
    )
    .unchecked_into();
    watch.call1(&JsValue::UNDEFINED, &at(&options, "signal")).unwrap();
    let batch = bridge.batch(&options);
    assert_eq!(at(&options, "signal.listeners.size"), 1.0);
    bridge.reply(0, HALF);
    resolved(batch).await;
    assert_eq!(at(&options, "signal.listeners.size"), 0.0);
    abort(&controller);
    assert_eq!(bridge.count("cancel"), 0);
}

#[wasm_bindgen_test]
async fn one_signal_cancels_many_batches() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    let batches: Vec<_> = (0..3).map(|_| bridge.batch(&options)).collect();
    abort(&controller);
    assert_eq!(bridge.count("cancel"), 3);
    for (number, batch) in batches.into_iter().enumerate() {
        bridge.reply(number as u32, HALF);
        resolved(batch).await;
    }
}

#[wasm_bindgen_test]
async fn a_cancel_is_not_sent_on_the_next_connection() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    let batch = bridge.batch(&options);
    abort(&controller);
    bridge.close(1006, "");
    let error = rejected(batch).await;
    assert_error(&error, 500, "999", "It is not known what the token signed.");
    let info = bridge.pkcs11.info(JsValue::UNDEFINED);
    wait_until("connected again", || bridge.requests().length() == 1).await;
    assert_eq!(bridge.count("cancel"), 0);
    bridge.reply(0, "{}");
    resolved(info).await;
}

#[wasm_bindgen_test]
async fn each_progress_event_calls_on_progress() {
    let bridge = connect("{}").await;
    let (listener, calls) = recorder();
    let options = evaluate("({})");
    set(&options, "onProgress", listener);
    let batch = bridge.batch(&options);
    for done in 1..=2 {
        bridge.progress(0, done);
    }
    // Progress of another call, and of none.
    for params in [r#"{"id":4711,"done":1,"total":2}"#, "{}", "null", "[]"] {
        bridge.say(&format!(r#"{{"jsonrpc":"2.0","method":"progress","params":{params}}}"#));
    }
    bridge.say(r#"{"jsonrpc":"2.0","method":"progress"}"#);
    bridge.say(r#"{"jsonrpc":"2.0","method":"unheard-of","params":{"id":1,"done":1,"total":2}}"#);
    wait_until("two events", || calls.length() == 2).await;
    bridge.reply(0, HALF);
    resolved(batch).await;
    bridge.progress(0, 2);
    pause(20).await;
    assert_eq!(json(&calls), r#"[[{"done":1,"total":2}],[{"done":2,"total":2}]]"#);
}

#[wasm_bindgen_test]
async fn on_progress_may_throw_and_cancel() {
    let bridge = connect("{}").await;
    let reported: Array = evaluate(
        "globalThis.reported = []; \
         addEventListener('error', (event) => { \
             reported.push(event.message); event.preventDefault(); \
         }); reported",
    )
    .unchecked_into();
    let (controller, options) = controller();
    let stop: js_sys::Function =
        evaluate("(controller) => () => { controller.abort(); throw new Error('of the page'); }")
            .unchecked_into();
    set(&options, "onProgress", stop.call1(&JsValue::UNDEFINED, &controller).unwrap());
    let batch = bridge.batch(&options);
    bridge.progress(0, 1);
    wait_until("a cancel", || bridge.count("cancel") == 1).await;
    bridge.progress(0, 2);
    bridge.reply(0, HALF);
    resolved(batch).await;
    assert_eq!(reported.length(), 2);
    assert!(text(&reported, "0").contains("of the page"));
}

#[wasm_bindgen_test]
async fn an_unreadable_result_fails_the_batch() {
    let bridge = connect("{}").await;
    for reply in ["true", "{}", r#"[{"error":{}}]"#, "[null]", r#"["AQID"]"#] {
        let number = bridge.requests().length();
        let batch = bridge.batch(&JsValue::UNDEFINED);
        bridge.reply(number, reply);
        assert_error(&rejected(batch).await, 500, "900", "cannot be read");
    }
}

#[wasm_bindgen_test]
async fn traffic_shows_a_batch_without_the_pin() {
    let bridge = connect("{}").await;
    let (listener, events) = recorder();
    bridge.client.add_event_listener(&"traffic".into(), &listener, &JsValue::UNDEFINED).unwrap();
    let batch = bridge.batch(&JsValue::UNDEFINED);
    assert_eq!(text(&bridge.request(0), "params.pin"), "86420975");
    let shown = text(&events, "0.0.detail.text");
    assert!(shown.contains(r#""data":["AQI=","AwQ="],"pin":"•••"}"#), "{shown}");
    bridge.progress(0, 1);
    bridge.reply(0, HALF);
    resolved(batch).await;
    assert_eq!(at(&events, "1.0.detail.id"), JsValue::NULL);
    assert_eq!(text(&events, "1.0.detail.direction"), "received");
    assert!(text(&events, "1.0.detail.text").contains(r#""method":"progress""#));
}

fn json(value: &Array) -> String {
    js_sys::JSON::stringify(value).unwrap().into()
}
