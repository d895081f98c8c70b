//! Slot events: which modules the client watches, how long, and what it does after a failure.

use js_sys::{Array, Function, JSON};
use pkcs11_bridge_client::Client;
use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use super::bridge::*;
use super::page::*;

const NONE: JsValue = JsValue::UNDEFINED;

const INSERTED: &str = concat!(
    r#"{"kind":"inserted","module":"card","slot_id":"18446744073709551615","#,
    r#""token":{"slot_id":"18446744073709551615","label":"A card"}}"#
);

#[wasm_bindgen_test]
async fn the_modules_of_the_page_are_watched_while_it_listens() {
    let bridge = connect("{}").await;
    let card = |name: &str| bridge.client.pkcs11(name.into()).unwrap();
    let _ = (card("card"), card("card"));
    pause(20).await;
    assert_eq!(said(&bridge), "");

    let (listener, events) = recorder();
    add(&bridge.client, "slot", &listener, &NONE);
    sent(&bridge, "watchSlots {} watchSlots card").await;
    bridge.reply(0, "true");
    // The same module under another name.
    bridge.reply(1, "false");
    let _ = (card("card"), card("hsm"));
    sent(&bridge, "watchSlots {} watchSlots card watchSlots hsm").await;
    bridge.reply(2, "true");

    slot_event(&bridge, INSERTED);
    wait_until("an event", || events.length() == 1).await;
    assert_eq!(JSON::stringify(&at(&events, "0.0.detail")).unwrap(), INSERTED);
    // These are not slot events.
    for params in ["7", "null", "\"slot\""] {
        slot_event(&bridge, params);
    }
    bridge.say(r#"{"jsonrpc":"2.0","method":"slot"}"#);

    remove(&bridge.client, "slot", &listener, &NONE);
    let watched = "watchSlots {} watchSlots card watchSlots hsm";
    let unwatched = "unwatchSlots {} unwatchSlots card unwatchSlots hsm";
    sent(&bridge, &format!("{watched} {unwatched}")).await;
    assert_eq!(events.length(), 1);
    for number in 3..6 {
        bridge.reply(number, "true");
    }
    let _ = card("another");
    pause(20).await;
    assert_eq!(bridge.requests().length(), 6);
}

#[wasm_bindgen_test]
async fn without_a_module_of_the_page_the_default_module_is_watched() {
    for (options, module) in
        [("({})", "{}"), ("({ moduleConfig: { linux: '/lib/card.so' } })", "/lib/card.so")]
    {
        let bridge = connect("{}").await;
        let client = pkcs11_bridge_client::connect(evaluate(options), None).await.unwrap();
        add(&client, "slot", &recorder().0, &NONE);
        sent(&bridge, &format!("watchSlots {module}")).await;
        bridge.reply(0, "true");
        let _ = client.pkcs11("card".into()).unwrap();
        sent(&bridge, &format!("watchSlots {module} watchSlots card")).await;
    }
}

#[wasm_bindgen_test]
async fn listeners_are_identified_as_in_the_browser() {
    let bridge = connect("{}").await;
    let (client, (listener, calls)) = (&bridge.client, recorder());
    for (add_with, remove_with) in [
        ("undefined", "undefined"),
        ("true", "({ capture: 1 })"),
        ("({ capture: true, passive: true })", "true"),
        ("1", "true"),
        ("({})", "false"),
        ("null", "({ once: true })"),
    ] {
        let number = bridge.requests().length();
        for _ in 0..2 {
            add(client, "slot", &listener, &evaluate(add_with));
        }
        wait_until("it is watched", || bridge.requests().length() == number + 1).await;
        bridge.reply(number, "true");
        // These remove other listeners.
        let capture = evaluate(remove_with).is_truthy() && !remove_with.contains("once");
        remove(client, "slot", &listener, &(!capture).into());
        remove(client, "watch", &listener, &capture.into());
        remove(client, "slot", &recorder().0, &capture.into());
        slot_event(&bridge, INSERTED);
        wait_until("one call", || calls.length() == 1).await;
        assert_eq!(bridge.requests().length(), number + 1, "{add_with}");
        remove(client, "slot", &listener, &evaluate(remove_with));
        wait_until("it is not watched", || bridge.requests().length() == number + 2).await;
        assert_eq!(text(&bridge.request(number + 1), "method"), "unwatchSlots");
        bridge.reply(number + 1, "true");
        calls.set_length(0);
    }
}

#[wasm_bindgen_test]
async fn a_listener_that_the_browser_ignores_watches_nothing() {
    let bridge = connect("{}").await;
    add(&bridge.client, "slot", &JsValue::NULL, &NONE);
    add(&bridge.client, "slot", &NONE, &NONE);
    add(&bridge.client, "slot", &recorder().0, &evaluate("({ signal: AbortSignal.abort() })"));
    for (listener, options) in [
        (7.into(), NONE),
        (7.into(), evaluate("({ once: true })")),
        (recorder().0, evaluate("({ signal: 7 })")),
        (recorder().0, evaluate("({ signal: 7, once: true })")),
    ] {
        assert!(bridge.client.add_event_listener(&"slot".into(), &listener, &options).is_err());
    }
    pause(20).await;
    assert_eq!(said(&bridge), "");
}

#[wasm_bindgen_test]
async fn a_once_listener_ends_with_its_event() {
    let bridge = connect("{}").await;
    let once = evaluate("({ once: true })");
    let object = evaluate("({ calls: [], handleEvent(event) { this.calls.push(event); } })");
    let stop = evaluate("(event) => { stopped = event; event.stopImmediatePropagation(); }");
    evaluate("globalThis.stopped = null");
    add(&bridge.client, "slot", &stop, &NONE);
    add(&bridge.client, "slot", &object, &once);
    sent(&bridge, "watchSlots {}").await;
    bridge.reply(0, "true");
    // The event does not reach the second listener, which stays.
    slot_event(&bridge, "{}");
    wait_until("it was stopped", || evaluate("stopped").is_truthy()).await;
    remove(&bridge.client, "slot", &stop, &NONE);
    pause(20).await;
    assert_eq!(said(&bridge), "watchSlots {}");
    slot_event(&bridge, "{}");
    sent(&bridge, "watchSlots {} unwatchSlots {}").await;
    slot_event(&bridge, "{}");
    pause(20).await;
    assert_eq!(at(&object, "calls.length"), 1.0);

    // Removed before its event.
    bridge.reply(1, "true");
    add(&bridge.client, "slot", &object, &once);
    sent(&bridge, "watchSlots {} unwatchSlots {} watchSlots {}").await;
    bridge.reply(2, "true");
    remove(&bridge.client, "slot", &object, &NONE);
    sent(&bridge, "watchSlots {} unwatchSlots {} watchSlots {} unwatchSlots {}").await;
    assert_eq!(at(&object, "calls.length"), 1.0);
}

#[wasm_bindgen_test]
async fn a_signal_removes_its_listeners() {
    let bridge = connect("{}").await;
    let (controller, options) = controller();
    let (first, second) = (recorder().0, recorder().0);
    add(&bridge.client, "slot", &first, &options);
    set(&options, "once", true);
    add(&bridge.client, "slot", &second, &options);
    sent(&bridge, "watchSlots {}").await;
    bridge.reply(0, "true");
    remove(&bridge.client, "slot", &first, &NONE);
    pause(20).await;
    assert_eq!(said(&bridge), "watchSlots {}");
    abort(&controller);
    sent(&bridge, "watchSlots {} unwatchSlots {}").await;
}

#[wasm_bindgen_test]
async fn quick_changes_of_listeners_send_few_requests() {
    let bridge = connect("{}").await;
    let (first, second) = (recorder().0, recorder().0);
    add(&bridge.client, "slot", &first, &NONE);
    remove(&bridge.client, "slot", &first, &NONE);
    pause(20).await;
    assert_eq!(said(&bridge), "");
    add(&bridge.client, "slot", &first, &NONE);
    sent(&bridge, "watchSlots {}").await;
    // The client awaits the reply first, so that the bridge cannot swap the two requests.
    remove(&bridge.client, "slot", &first, &NONE);
    pause(20).await;
    assert_eq!(said(&bridge), "watchSlots {}");
    bridge.reply(0, "true");
    sent(&bridge, "watchSlots {} unwatchSlots {}").await;
    add(&bridge.client, "slot", &second, &NONE);
    bridge.reply(1, "true");
    sent(&bridge, "watchSlots {} unwatchSlots {} watchSlots {}").await;
    bridge.reply(2, "true");
    remove(&bridge.client, "slot", &second, &NONE);
    add(&bridge.client, "slot", &first, &NONE);
    pause(20).await;
    assert_eq!(bridge.requests().length(), 3);
}

#[wasm_bindgen_test]
async fn slots_are_watched_again_on_a_new_connection() {
    for (reply, code) in [(true, 1001), (true, 1006), (false, 1006)] {
        let bridge = connect("{}").await;
        let (told, watches) = recorder();
        add(&bridge.client, "watch", &told, &NONE);
        add(&bridge.client, "slot", &recorder().0, &NONE);
        sent(&bridge, "watchSlots {}").await;
        if reply {
            // The reply and the end of the connection come at the same moment.
            bridge.reply(0, "true");
        }
        let old = bridge.requests();
        bridge.close(code, "");
        wait_until("a new connection", || *bridge.requests() != *old).await;
        sent(&bridge, "watchSlots {}").await;
        bridge.reply(0, "true");
        wait_until("it is told", || watching(&watches).ends_with("true ")).await;
        assert!(!watching(&watches).contains("false"), "{}", watching(&watches));
        bridge.client.close();
    }
}

#[wasm_bindgen_test]
async fn a_failed_watch_is_reported_and_tried_again() {
    let bridge = connect("{}").await;
    let (told, watches) = recorder();
    let listener = recorder().0;
    add(&bridge.client, "watch", &told, &NONE);
    add(&bridge.client, "slot", &listener, &NONE);
    for (number, (status, code)) in
        [(412, "300"), (500, "900"), (429, "802")].into_iter().enumerate()
    {
        let number = number as u32;
        wait_until("it is tried", || bridge.count("watchSlots") == number + 1).await;
        bridge.fail(number, status, code);
        wait_until("it is told", || watches.length() == number + 1).await;
        let detail = at(&watches, &format!("{number}.0.detail"));
        assert_eq!(at(&detail, "watching"), JsValue::FALSE);
        assert_eq!(at(&detail, "module"), NONE);
        assert_error(&at(&detail, "error").unchecked_into(), status, code, "It failed.");
    }
    wait_until("it is tried", || bridge.count("watchSlots") == 4).await;
    bridge.reply(3, "true");
    wait_until("it is told", || watching(&watches) == "false false false true ").await;
    assert_eq!(at(&watches, "3.0.detail.error"), NONE);

    // The page does not listen any more, so the client does not try again.
    remove(&bridge.client, "slot", &listener, &NONE);
    wait_until("it is ended", || bridge.count("unwatchSlots") == 1).await;
    bridge.reply(4, "true");
    add(&bridge.client, "slot", &listener, &NONE);
    wait_until("it is tried", || bridge.count("watchSlots") == 5).await;
    bridge.fail(5, 500, "900");
    wait_until("it is told", || watches.length() == 5).await;
    remove(&bridge.client, "slot", &listener, &NONE);
    pause(700).await;
    assert_eq!(bridge.requests().length(), 6);
}

#[wasm_bindgen_test]
async fn a_refused_watch_is_not_tried_again_before_approval() {
    let bridge = connect("{}").await;
    let (told, watches) = recorder();
    let listener = recorder().0;
    add(&bridge.client, "watch", &told, &NONE);
    add(&bridge.client, "slot", &listener, &NONE);
    sent(&bridge, "watchSlots {}").await;
    bridge.fail(0, 401, "500");
    wait_until("it is told", || watching(&watches) == "false ").await;
    remove(&bridge.client, "slot", &listener, &NONE);
    add(&bridge.client, "slot", &listener, &NONE);
    bridge.close(1001, "");
    wait_until("a new connection", || bridge.requests().length() == 0).await;
    pause(700).await;
    assert_eq!(said(&bridge), "");

    let call = bridge.pkcs11.info(NONE);
    bridge.fail(0, 412, "101");
    rejected(call).await;
    pause(20).await;
    assert_eq!(bridge.requests().length(), 1, "the bridge may refuse without asking the user");
    let call = bridge.pkcs11.info(NONE);
    bridge.reply(1, "{}");
    resolved(call).await;
    wait_until("it is watched", || bridge.count("watchSlots") == 1).await;
}

#[wasm_bindgen_test]
async fn after_a_revocation_slots_are_not_watched_before_approval() {
    let bridge = connect("{}").await;
    add(&bridge.client, "slot", &recorder().0, &NONE);
    sent(&bridge, "watchSlots {}").await;
    bridge.reply(0, "true");
    pause(0).await;
    bridge.close(1008, "the origin was revoked");
    wait_until("a new connection", || bridge.requests().length() == 0).await;
    pause(50).await;
    assert_eq!(said(&bridge), "");
    let call = bridge.pkcs11.info(NONE);
    bridge.reply(0, "{}");
    resolved(call).await;
    wait_until("it is watched", || bridge.count("watchSlots") == 1).await;
}

#[wasm_bindgen_test]
async fn a_listener_may_call_the_client() {
    let bridge = connect("{}").await;
    let make: Function = evaluate(
        "(calls) => function again({ currentTarget }) { \
             currentTarget.removeEventListener('slot', again); calls.push(0); \
         }",
    )
    .unchecked_into();
    let calls = Array::new();
    let listener = make.call1(&NONE, &calls).unwrap();
    add(&bridge.client, "slot", &listener, &NONE);
    sent(&bridge, "watchSlots {}").await;
    bridge.reply(0, "true");
    slot_event(&bridge, "{}");
    sent(&bridge, "watchSlots {} unwatchSlots {}").await;
    assert_eq!(calls.length(), 1);
}

fn add(client: &Client, kind: &str, listener: &JsValue, options: &JsValue) {
    client.add_event_listener(&kind.into(), listener, options).unwrap();
}

fn remove(client: &Client, kind: &str, listener: &JsValue, options: &JsValue) {
    client.remove_event_listener(&kind.into(), listener, options).unwrap();
}

fn slot_event(bridge: &Scripted, params: &str) {
    bridge.say(&format!(r#"{{"jsonrpc":"2.0","method":"slot","params":{params}}}"#));
}

/// The requests on the newest connection, each with its module.
fn said(bridge: &Scripted) -> String {
    let told = bridge.requests().into_iter().map(|request| {
        let module = at(&request, "params.module").as_string();
        format!("{} {}", text(&request, "method"), module.as_deref().unwrap_or("{}"))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Waits until the bridge has received exactly these requests.
async fn sent(bridge: &Scripted, expected: &str) {
    wait_until(expected, || said(bridge).len() >= expected.len()).await;
    assert_eq!(said(bridge), expected);
}

/// The field `watching` of each "watch" event.
fn watching(events: &Array) -> String {
    let each = events.iter().map(|event| at(&event, "0.detail.watching").is_truthy());
    each.map(|watching| format!("{watching} ")).collect()
}
