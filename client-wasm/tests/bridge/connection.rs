//! Finding and losing the bridge, and time limits.

use js_sys::Promise;
use pkcs11_bridge_client::connect as connect_js;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn the_bridge_is_found_behind_other_ports() {
    let port = port();
    let options = format!("({{ ports: [{}, {port}] }})", port - 3);
    let client = connect_js(evaluate(&options), None).await.unwrap();
    resolved(client.hello(NONE)).await;
}

#[wasm_bindgen_test]
async fn connect_fails_on_ports_without_a_bridge() {
    let (_, other) = control().rsplit_once(':').unwrap();
    // Another server, and ports that the browser refuses.
    for ports in [format!("[{other}, {other}]"), "[1, 9]".to_owned()] {
        let options = format!("({{ ports: {ports}, timeout: 5000 }})");
        let error = connect_js(evaluate(&options), None).await.err().unwrap();
        assert_error(&error, 500, "999", "The bridge cannot be reached on port");
    }
}

#[wasm_bindgen_test]
async fn calls_fail_while_no_bridge_runs() {
    let client = connect().await;
    command("stop").await;
    let error = connect_with("{}").await.err().unwrap();
    assert_error(&error, 500, "999", "The bridge cannot be reached");
    for _ in 0..3 {
        let error = rejected(client.hello(NONE)).await;
        assert_error(&error, 500, "999", "The bridge cannot be reached");
    }
    command("start").await;
    resolved(client.hello(NONE)).await;
}

#[wasm_bindgen_test]
async fn a_restart_fails_only_the_calls_in_flight() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let request = sign_request(&pkcs11, "02").await;
    resolved(pkcs11.sign_data(&request, NONE)).await;
    let (callback, calls) = recorder();
    let promises: Vec<Promise> =
        (0..1000).map(|_| pkcs11.sign_data(&request, callback.clone())).collect();
    command("restart").await;
    let mut lost = 0;
    for promise in promises {
        if let Err(error) = settled(promise).await {
            assert_error(&error, 500, "999", "");
            lost += usize::from(error.description().contains("is not known"));
        }
    }
    assert!((1..=64).contains(&lost), "{lost} calls were in flight");
    assert_eq!(calls.length(), 1000);
    resolved(pkcs11.sign_data(&request, NONE)).await;
    assert_eq!(calls.length(), 1000);
}

#[wasm_bindgen_test]
async fn calls_work_after_each_restart() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    resolved(pkcs11.info(NONE)).await;
    for _ in 0..3 {
        command("restart").await;
        resolved(pkcs11.info(NONE)).await;
    }
}

#[wasm_bindgen_test]
async fn every_call_has_its_time_limit() {
    let client = connect_with("{ timeout: 300 }").await.unwrap();
    let pkcs11 = default_module(&client);
    let request = sign_request(&pkcs11, "02").await;
    let (callback, calls) = recorder();
    let promises: Vec<Promise> =
        (0..2000).map(|_| pkcs11.sign_data(&request, callback.clone())).collect();
    let mut late = 0;
    for promise in promises {
        if let Err(error) = settled(promise).await {
            assert_error(&error, 408, "900", "signData was not answered within 300 ms");
            late += 1;
        }
    }
    assert!(late > 0);
    assert_eq!(calls.length(), 2000);
    // Late replies free the places of their calls.
    let others = default_module(&client);
    for attempt in 0.. {
        match settled(others.info(NONE)).await {
            Ok(_) => break,
            Err(error) => assert!(attempt < 30, "{}", describe(&error)),
        }
    }
}

#[wasm_bindgen_test]
async fn calls_of_a_closed_client_fail() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let waiting = pkcs11.info(NONE);
    client.close();
    client.close();
    let error = rejected(waiting).await;
    assert_error(&error, 500, "999", "The page closed its connection");
    let error = rejected(pkcs11.info(NONE)).await;
    assert_error(&error, 500, "999", "The page closed its connection");
    command("restart").await;
    let error = rejected(client.hello(NONE)).await;
    assert_error(&error, 500, "999", "The page closed its connection");
}
