//! The events of a client.

use js_sys::Array;
use pkcs11_bridge_client::Client;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge_control::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn traffic_shows_each_frame_without_the_pin() {
    let client = connect().await;
    let pkcs11 = default_module(&client);
    let request = sign_request(&pkcs11, "03").await;
    let events = listen(&client, "traffic");
    let signature = text(&resolved(pkcs11.sign_data(&request, NONE)).await, "data");
    assert_eq!(events.length(), 2);
    let (sent, received) = (details(&events, 0), details(&events, 1));
    assert_eq!(text(&sent, "direction"), "sent");
    assert_eq!(text(&received, "direction"), "received");
    assert_eq!(at(&sent, "id"), at(&received, "id"));
    let id = at(&sent, "id").as_f64().unwrap();
    let slot = at(&request, "slot_id").as_f64().unwrap();
    assert_eq!(
        text(&sent, "text"),
        format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"signData\",\"params\":{{\
             \"slot_id\":{slot},\"cert_id\":\"03\",\"algorithm_reference\":\"sha256\",\
             \"data\":\"{HASH}\",\"pin\":\"•••\"}}}}"
        )
    );
    assert!(text(&received, "text").contains(&signature));
}

#[wasm_bindgen_test]
async fn listeners_behave_as_on_every_event_target() {
    let client = connect().await;
    let (listener, always) = recorder();
    let once = listen_with(&client, "traffic", "({ once: true })");
    let object = evaluate("({ calls: [], handleEvent(event) { this.calls.push(event); } })");
    client.add_event_listener(&"traffic".into(), &listener, &NONE).unwrap();
    client.add_event_listener(&"traffic".into(), &listener, &NONE).unwrap();
    client.add_event_listener(&"traffic".into(), &object, &NONE).unwrap();
    resolved(client.hello(NONE)).await;
    assert_eq!(always.length(), 2);
    assert_eq!(once.length(), 1);
    assert_eq!(at(&object, "calls.length"), 2.0);
    client.remove_event_listener(&"traffic".into(), &listener, &NONE).unwrap();
    resolved(client.hello(NONE)).await;
    assert_eq!(always.length(), 2);
}

#[wasm_bindgen_test]
async fn close_dispatches_one_event() {
    let client = connect().await;
    let closed = listen(&client, "close");
    client.close();
    wait_until("the event", || closed.length() == 1).await;
    assert_eq!(at(&details(&closed, 0), "code"), 1000.0);
    assert_eq!(at(&details(&closed, 0), "reconnecting"), JsValue::FALSE);
    pause(100).await;
    assert_eq!(closed.length(), 1);
}

#[wasm_bindgen_test]
async fn a_restart_dispatches_close_and_open() {
    let client = connect().await;
    let (closed, opened) = (listen(&client, "close"), listen(&client, "open"));
    command("restart").await;
    wait_until("the connection is back", || opened.length() == 1).await;
    assert_eq!(closed.length(), 1);
    assert_eq!(at(&details(&closed, 0), "reconnecting"), JsValue::TRUE);
    assert!(at(&details(&closed, 0), "code").as_f64().is_some());
    resolved(client.hello(NONE)).await;
}

#[wasm_bindgen_test]
async fn slots_are_watched_after_a_restart_while_the_page_listens() {
    let client = connect().await;
    let _ = default_module(&client);
    let (watches, sent) = (listen(&client, "watch"), listen(&client, "traffic"));
    let (listener, events) = recorder();
    client.add_event_listener(&"slot".into(), &listener, &NONE).unwrap();
    for count in 1..=2 {
        wait_until("the slots are watched", || watches.length() == count).await;
        assert_eq!(at(&details(&watches, count - 1), "watching"), JsValue::TRUE);
        if count == 1 {
            command("restart").await;
        }
    }
    client.remove_event_listener(&"slot".into(), &listener, &NONE).unwrap();
    let ended = || {
        let last = details(&sent, sent.length() - 1);
        let request = details(&sent, sent.length() - 2);
        text(&request, "text").contains("unwatchSlots")
            && text(&last, "text").contains("\"result\":true")
    };
    wait_until("the bridge says that it did", ended).await;
    assert_eq!(events.length(), 0, "no token came or went");
}

fn listen(client: &Client, kind: &str) -> Array {
    listen_with(client, kind, "undefined")
}

fn listen_with(client: &Client, kind: &str, options: &str) -> Array {
    let (listener, events) = recorder();
    client.add_event_listener(&kind.into(), &listener, &evaluate(options)).unwrap();
    events
}

fn details(events: &Array, index: u32) -> JsValue {
    at(&events.get(index), "0.detail")
}
