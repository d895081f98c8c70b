//! A user who revokes the approval of the page.

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

const NONE: JsValue = JsValue::UNDEFINED;

#[wasm_bindgen_test]
async fn after_a_revocation_the_client_sends_only_calls_of_the_page() {
    let bridge = connect("{}").await;
    let (closed, closings) = recorder();
    let (opened, openings) = recorder();
    bridge.client.add_event_listener(&"close".into(), &closed, &NONE).unwrap();
    bridge.client.add_event_listener(&"open".into(), &opened, &NONE).unwrap();
    let in_flight: Vec<_> = (0..63).map(|_| bridge.pkcs11.info(NONE)).collect();
    let queued = bridge.pkcs11.info(NONE);
    bridge.close(1008, "the origin was revoked");

    for call in in_flight {
        assert_error(&rejected(call).await, 500, "999", "(the origin was revoked)");
    }
    assert_error(&rejected(queued).await, 401, "500", "It was not sent.");
    assert_eq!(at(&closings, "0.0.detail.code"), 1008.0);
    assert_eq!(text(&closings, "0.0.detail.reason"), "the origin was revoked");
    assert_eq!(at(&closings, "0.0.detail.reconnecting"), JsValue::TRUE);
    wait_until("connected again", || openings.length() == 1).await;
    pause(50).await;
    assert_eq!(bridge.requests().length(), 0);

    let call = bridge.pkcs11.info(NONE);
    assert_eq!(bridge.requests().length(), 1, "the page's own calls are sent");
    bridge.reply(0, "{}");
    resolved(call).await;
}
