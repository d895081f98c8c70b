//! How long the bridge may be silent about a call.

use js_sys::{Date, Promise};
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn the_default_limit_leaves_time_for_every_dialog() {
    let limits = evaluate(
        "globalThis.limits = []; \
         globalThis.setTimeout = ((setTimeout) => (handler, limit, ...rest) => { \
             limits.push(limit); return setTimeout(handler, limit, ...rest); \
         })(setTimeout); limits",
    );
    let bridge = connect("({})").await;
    set(&limits, "length", 0);
    let call = bridge.pkcs11.info(NONE);
    let another = bridge.pkcs11.info(NONE);
    assert_eq!(at(&limits, "0"), 600_000.0);
    assert_eq!(at(&limits, "length"), 1.0, "they share a timer");
    for (number, call) in (0..).zip([call, another]) {
        bridge.reply(number, "{}");
        resolved(call).await;
    }
}

#[wasm_bindgen_test]
async fn each_call_has_its_own_deadline() {
    let bridge = connect("({ timeout: 300 })").await;
    let first = bridge.pkcs11.info(NONE);
    pause(100).await;
    let second = bridge.pkcs11.info(NONE);
    let second_made = Date::now();
    pause(100).await;
    let third = bridge.pkcs11.info(NONE);
    let third_made = Date::now();
    bridge.reply(0, "{}");
    resolved(first).await;
    assert_late(second, second_made).await;
    assert_late(third, third_made).await;
}

#[wasm_bindgen_test]
async fn a_call_after_answered_calls_has_its_own_deadline() {
    let bridge = connect("({ timeout: 300 })").await;
    // The calls come before and after the deadline of the answered call.
    for (number, quiet) in [(0, 200), (2, 700), (4, 0)] {
        let call = bridge.pkcs11.info(NONE);
        bridge.reply(number, "{}");
        resolved(call).await;
        pause(quiet).await;
        let made = Date::now();
        assert_late(bridge.pkcs11.info(NONE), made).await;
    }
}

#[wasm_bindgen_test]
async fn a_queued_call_has_a_deadline_too() {
    let bridge = connect("({ timeout: 300 })").await;
    let mut calls: Vec<_> = (0..63).map(|_| bridge.pkcs11.info(NONE)).collect();
    pause(100).await;
    let (queued, made) = (bridge.pkcs11.slots(NONE), Date::now());
    assert_error(&rejected(calls.swap_remove(0)).await, 408, "900", "Try again");
    assert_late(queued, made).await;
    assert_eq!(bridge.requests().length(), 63);
}

/// Asserts that a call fails after its limit of 300 milliseconds.
async fn assert_late(call: Promise, made: f64) {
    assert_error(&rejected(call).await, 408, "900", "was not answered within 300 ms");
    let took = Date::now() - made;
    // `Date` counts whole milliseconds.
    assert!((299.0..400.0).contains(&took), "after {took} ms");
}

#[wasm_bindgen_test]
async fn progress_extends_the_deadline_of_a_batch() {
    let bridge = connect("({ timeout: 300 })").await;
    let batch = bridge.batch(&NONE);
    for done in 0..6 {
        pause(150).await;
        bridge.progress(0, done);
    }
    bridge.reply(0, HALF);
    resolved(batch).await;
    assert_eq!(bridge.count("cancel"), 0);
}

#[wasm_bindgen_test]
async fn progress_extends_no_deadline_of_another_call() {
    let bridge = connect("({ timeout: 200 })").await;
    let batch = bridge.batch(&NONE);
    let info = bridge.pkcs11.info(NONE);
    for done in 0..4 {
        pause(80).await;
        bridge.progress(0, done);
    }
    assert_error(&rejected(info).await, 408, "900", "info was not answered within 200 ms");
    bridge.reply(0, HALF);
    resolved(batch).await;
}

#[wasm_bindgen_test]
async fn a_late_batch_is_cancelled() {
    let bridge = connect("({ timeout: 100 })").await;
    let (listener, calls) = recorder();
    let options = evaluate("({})");
    set(&options, "onProgress", listener);
    let error = rejected(bridge.batch(&options)).await;
    assert_error(&error, 408, "900", "signDataBatch was not answered within 100 ms");
    assert!(error.description().contains("is not known"), "{}", error.description());
    assert_eq!(bridge.count("cancel"), 1);
    // Late messages reach no listener.
    bridge.progress(0, 1);
    bridge.reply(0, HALF);
    pause(20).await;
    assert_eq!(calls.length(), 0);
}

#[wasm_bindgen_test]
async fn a_late_call_other_than_a_batch_is_not_cancelled() {
    let bridge = connect("({ timeout: 100 })").await;
    let error = rejected(bridge.pkcs11.info(NONE)).await;
    assert_error(&error, 408, "900", "info was not answered within 100 ms. Try again.");
    assert_eq!(bridge.requests().length(), 1);
}
