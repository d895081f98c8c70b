//! Modules that fail for ever in their process, as after a restart of their daemon: a fresh worker
//! does better, and no PIN is sent twice.

use std::time::{Duration, Instant};

use cryptoki_sys::{
    CKR_BUFFER_TOO_SMALL, CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR,
    CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT,
};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{with, without};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{ActiveRule, Rule, SlotEvents, WrongLength};
use serde_json::{Value, json};

use super::fault_fixture::{FAILED, FaultFixture};

const VENDOR_DEFINED: u64 = 0x8000_0102;
const LASTING: [u64; 6] = [
    CKR_DEVICE_ERROR,
    CKR_FUNCTION_FAILED,
    CKR_GENERAL_ERROR,
    CKR_SESSION_HANDLE_INVALID,
    CKR_TOKEN_NOT_PRESENT,
    VENDOR_DEFINED,
];

/// The functions that reach the token.
const OF_TOKEN: [&str; 8] = [
    "C_GetSlotInfo",
    "C_GetTokenInfo",
    "C_OpenSession",
    "C_GetSessionInfo",
    "C_FindObjectsInit",
    "C_GetAttributeValue",
    "C_SignInit",
    "C_Sign",
];

/// The worker that called the module last.
fn worker(fixture: &FaultFixture) -> u32 {
    fixture.module.calls().last().expect("a call").pid
}

/// Makes the token's functions fail in the worker that is there now.
fn break_worker(fixture: &FaultFixture, value: u64) -> Vec<ActiveRule<'_>> {
    let pid = worker(fixture);
    let rule = |function| Rule::on(function).in_process(pid).fail_before(value);
    OF_TOKEN.map(|function| fixture.module.add(rule(function))).into()
}

fn signing_without_pin(fixture: &FaultFixture) -> Value {
    without(&fixture.signing(), "pin")
}

/// The bridge replaces at most three workers within ten seconds.
async fn pause_between_replacements() {
    tokio::time::sleep(Duration::from_millis(3500)).await;
}

#[tokio::test]
async fn reads_in_a_broken_worker_succeed_in_a_fresh_one() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    for value in LASTING {
        for (method, params) in [("token", fixture.slot()), ("certificates", fixture.slot())] {
            page.result("token", fixture.slot()).await;
            let broken = worker(&fixture);
            let rules = break_worker(&fixture, value);
            let outcome = page.call(method, params).await;
            assert!(outcome.is_ok(), "{method}, {value:#x}: {outcome:?}");
            assert_ne!(worker(&fixture), broken, "{value:#x}");
            rules.into_iter().for_each(ActiveRule::remove);
            pause_between_replacements().await;
        }
    }
    fixture.bridge.expect_workers(1);
}

#[tokio::test]
async fn a_worker_that_lists_no_slots_any_more_is_replaced() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let slots = page.result("slots", json!({})).await;
    page.result("token", fixture.slot()).await;
    let rule = Rule::on("C_GetSlotList").in_process(worker(&fixture));
    let rule = fixture.module.add(rule.wrong_length(WrongLength::Written(0)));
    assert_eq!(page.result("slots", json!({})).await, slots);
    rule.remove();
    pause_between_replacements().await;
    // The slot is missing, but the page knows it.
    let rule = Rule::on("C_GetSlotList").in_process(worker(&fixture));
    fixture.module.add(rule.wrong_length(WrongLength::Written(0)));
    page.result("slots", json!({})).await;
    page.result("token", fixture.slot()).await;
}

/// YKCS11 does so after a restart of pcscd.
#[tokio::test]
async fn a_worker_that_never_has_room_for_the_slots_is_replaced() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    for params in [json!({}), json!({ "token_present": true })] {
        let slots = page.result("slots", params.clone()).await;
        // It still counts the slots.
        let rule = Rule::on("C_GetSlotList").in_process(worker(&fixture));
        let rule = rule.nth(2).next(u64::MAX).fail_before(CKR_BUFFER_TOO_SMALL);
        let rule = fixture.module.add(rule);
        assert_eq!(page.result("slots", params).await, slots);
        rule.remove();
    }
}

#[tokio::test]
async fn a_signature_before_which_no_pin_was_sent_is_made_in_a_fresh_worker() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    for value in LASTING {
        page.certificates(fixture.slot()).await;
        page.result("signData", fixture.signing()).await;
        page.result("logout", json!({})).await;
        let logins = fixture.module.logins().len();
        let rules = break_worker(&fixture, value);
        let outcome = page.call("signData", fixture.signing()).await;
        assert!(outcome.is_ok(), "{value:#x}: {outcome:?}");
        assert_eq!(fixture.module.logins().len(), logins + 1, "{value:#x}");
        rules.into_iter().for_each(ActiveRule::remove);
        page.result("logout", json!({})).await;
        pause_between_replacements().await;
    }
}

#[tokio::test]
async fn a_login_that_ends_with_a_broken_worker_is_not_made_again() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.signing()).await;
    page.result("signData", signing_without_pin(&fixture)).await;
    let broken = worker(&fixture);
    break_worker(&fixture, CKR_DEVICE_ERROR);
    let outcome = page.call("signData", signing_without_pin(&fixture)).await;
    assert_error("the broken worker", &outcome, FAILED, &[]);
    fixture.module.assert_logins(1);
    // The next call gets a fresh worker, which is not logged in.
    page.result("signData", fixture.signing()).await;
    fixture.module.assert_logins(2);
    assert_ne!(worker(&fixture), broken);
}

#[tokio::test]
async fn a_page_that_sends_its_pin_logs_in_to_the_fresh_worker() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.signing()).await;
    break_worker(&fixture, CKR_DEVICE_ERROR);
    page.result("signData", fixture.signing()).await;
    fixture.module.assert_logins(2);
}

#[tokio::test]
async fn an_error_of_one_call_ends_no_login() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.signing()).await;
    let worker_before = worker(&fixture);
    for function in ["C_GetTokenInfo", "C_Sign"] {
        fixture.module.add(Rule::on(function).next(1).fail_before(CKR_FUNCTION_FAILED));
    }
    page.result("token", fixture.slot()).await;
    page.result("signData", signing_without_pin(&fixture)).await;
    assert_eq!(worker(&fixture), worker_before);
    fixture.module.assert_logins(1);
}

#[tokio::test]
async fn a_pin_that_meets_a_broken_worker_is_sent_once() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.certificates(fixture.slot()).await;
    let broken = worker(&fixture);
    let rule = Rule::on("C_Login").in_process(broken).fail_before(CKR_DEVICE_ERROR);
    fixture.module.add(rule);
    let outcome = page.call("signData", fixture.signing()).await;
    assert_error("the broken worker", &outcome, FAILED, &[]);
    assert_eq!(fixture.module.count("C_Login"), 1);
    page.result("signData", fixture.signing()).await;
    assert_eq!(fixture.module.count("C_Login"), 2);
    assert_ne!(worker(&fixture), broken);
}

#[tokio::test]
async fn a_batch_in_a_broken_worker_tells_each_outcome() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let hash = fixture.signing()["data"].clone();
    let batch = with(&fixture.signing(), "data", vec![hash; 20]);
    page.result("signData", fixture.signing()).await;
    let pid = worker(&fixture);
    // One error ends nothing.
    fixture.module.add(Rule::on("C_Sign").in_process(pid).nth(5).fail_before(CKR_DEVICE_ERROR));
    let items = page.result("signDataBatch", batch.clone()).await;
    assert!(items.as_array().unwrap().iter().all(|item| item.get("signature").is_some()));
    fixture.module.assert_logins(1);

    let rules = break_worker(&fixture, CKR_DEVICE_ERROR);
    let outcome = page.call("signDataBatch", without(&batch, "pin")).await;
    assert!(outcome.is_err(), "{outcome:?}");
    fixture.module.assert_logins(1);
    rules.into_iter().for_each(ActiveRule::remove);
    let items = page.result("signDataBatch", batch).await;
    assert!(items.as_array().unwrap().iter().all(|item| item.get("signature").is_some()));
    fixture.module.assert_logins(2);
}

#[tokio::test]
async fn a_module_that_fails_in_fresh_workers_too_is_not_started_again_and_again() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.result("token", fixture.slot()).await;
    for value in LASTING {
        let before = fixture.module.count("C_Initialize");
        let rules =
            OF_TOKEN.map(|function| fixture.module.add(Rule::on(function).fail_before(value)));
        let start = Instant::now();
        for _ in 0..50 {
            assert!(page.call("token", fixture.slot()).await.is_err(), "{value:#x}");
        }
        let most = 2 + start.elapsed().as_secs() as usize / 5;
        let starts = fixture.module.count("C_Initialize") - before;
        assert!(starts <= most, "{value:#x}: {starts} starts in {:?}", start.elapsed());
        rules.into_iter().for_each(ActiveRule::remove);
        page.result("token", fixture.slot()).await;
    }
    let modules = page.result("modules", json!({})).await;
    assert_eq!(modules[0]["state"], "running", "{modules}");
}

async fn next_event(page: &mut Socket) -> Value {
    page.event().await["params"]["kind"].clone()
}

#[tokio::test]
async fn the_watch_goes_on_with_a_fresh_worker() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    assert_eq!(page.result("watchSlots", json!({})).await, true);
    let rule = Rule::on("C_GetSlotList").in_process(worker(&fixture));
    let rule = fixture.module.add(rule.fail_before(CKR_GENERAL_ERROR));
    fixture.module.remove_token();
    assert_eq!(next_event(&mut page).await, "removed");
    fixture.module.insert_token();
    assert_eq!(next_event(&mut page).await, "inserted");
    rule.remove();
    // This worker does not see the token any more.
    let rule = Rule::on("C_GetSlotList").in_process(worker(&fixture));
    fixture.module.add(rule.wrong_length(WrongLength::Written(0)));
    assert_eq!(next_event(&mut page).await, "removed");
    while next_event(&mut page).await == "removed" {}
    page.result("token", fixture.slot()).await;
}

/// A signature has a later deadline than a read. It must not wait for that.
#[tokio::test]
async fn a_signature_kept_out_by_a_wait_for_slot_events_fails_early() {
    let fixture = FaultFixture::configured("read_deadline_seconds = 4");
    fixture.module.set_slot_events(SlotEvents::HoldingLock);
    let mut page = fixture.bridge.connect().await;
    fixture.assert_works(&mut page).await;
    let mut watching = fixture.bridge.connect().await;
    assert_eq!(watching.result("watchSlots", json!({})).await, true);
    fixture.module.wait_until_blocked("C_WaitForSlotEvent", 1);
    let start = Instant::now();
    let outcome = page.call("signData", signing_without_pin(&fixture)).await;
    assert_error("the signature", &outcome, FAILED, &["another call hung"]);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    page.result("signData", fixture.signing()).await;
}
