//! A running batch: it reports its progress, the page can cancel it, and other calls do
//! not wait for it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::processes;
use pkcs11_bridge_tests::token::{KeyType, PIN};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::batch::{assert_signed, batch};
use super::pin_dialog::{DialogFixture, OTHER_ORIGIN};
use super::pin_fixture::item_of;

/// The bridge sends at most one event in this time.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(50);

const CANCELLED: (u16, &str) = (499, "803");

/// Asserts that a result begins with signatures and ends with errors of one code. Gives
/// the number of signatures.
#[track_caller]
fn signed_and_then(result: &Value, count: usize, expected: (u16, &str)) -> usize {
    assert_eq!(result.as_array().map(Vec::len), Some(count));
    let signed = (0..count).take_while(|at| item_of(result, *at).is_ok()).count();
    for at in signed..count {
        assert_error(&format!("number {at}"), &item_of(result, at), expected, &[]);
    }
    signed
}

/// Like [`signed_and_then`], but the signatures of parallel sessions may end in any order.
#[track_caller]
fn signed_or_refused(result: &Value, count: usize, expected: (u16, &str)) -> usize {
    assert_eq!(result.as_array().map(Vec::len), Some(count));
    let (signed, refused): (Vec<_>, Vec<_>) =
        (0..count).map(|at| item_of(result, at)).partition(Result::is_ok);
    refused.iter().for_each(|item| assert_error("one of the rest", item, expected, &[]));
    signed.len()
}

#[tokio::test]
async fn progress_grows_and_reaches_the_total_before_the_reply() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    for (key, count) in [(KeyType::Rsa2048, 1000), (KeyType::P256, 1)] {
        let start = Instant::now();
        let id = page.request("signDataBatch", batch(&fixture, key, count)).await;
        let (events, (replied, outcome)) = page.reply_after_events().await;
        assert_eq!((replied, outcome.unwrap().as_array().map(Vec::len)), (json!(id), Some(count)));
        let mut done = 0;
        for event in &events {
            assert_eq!((&event["method"], event.get("id")), (&json!("progress"), None), "{event}");
            assert_eq!(event["params"]["id"], id, "{event}");
            assert_eq!(event["params"]["total"], count, "{event}");
            let now = event["params"]["done"].as_u64().expect("a number");
            assert!(now > done, "{events:?}");
            done = now;
        }
        assert_eq!(done, count as u64, "{events:?}");
        let most = start.elapsed().as_millis() / PROGRESS_INTERVAL.as_millis() + 2;
        assert!(events.len() as u128 <= most, "{} events are too many", events.len());
        assert!(count == 1 || events.len() >= 2, "{events:?}");
    }
}

#[tokio::test]
async fn a_cancelled_batch_returns_the_signatures_made_so_far() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let id = page.request("signDataBatch", batch(&fixture, KeyType::Rsa2048, 1000)).await;
    page.event().await;
    let cancel = page.request("cancel", json!({ "id": id })).await;
    let mut replies: HashMap<u64, Value> = HashMap::new();
    for _ in 0..2 {
        let (id, outcome) = page.reply().await;
        replies.insert(id.as_u64().expect("a number"), outcome.expect("a result"));
    }
    assert_eq!(replies[&cancel], true);
    let signed = signed_and_then(&replies[&id], 1000, CANCELLED);
    assert!(signed > 0 && signed < 1000, "{signed} of 1000");
    for number in [0, signed / 2, signed - 1] {
        assert_signed(&fixture, KeyType::Rsa2048, &replies[&id], number);
    }
    // The batch has ended.
    assert_eq!(page.result("cancel", json!({ "id": id })).await, false);
    let key = sign_data(&fixture.token, KeyType::Rsa2048.id(), "sha256");
    page.result("signData", without(&key, "pin")).await;
}

#[tokio::test]
async fn a_page_can_cancel_only_batches_of_its_connection() {
    let fixture = DialogFixture::new("");
    let held = fixture.pinentry.answer(Answer::pin(PIN).held());
    let mut page = fixture.bridge.connect().await;
    let single = page.request("signData", fixture.without_pin.clone()).await;
    held.opened();
    for id in [json!(single), json!(4711), json!("1"), json!("")] {
        page.send_text(&request("cancel", "c", &json!({ "id": id }))).await;
        let (replied, outcome) = page.reply().await;
        assert_eq!((replied, outcome.unwrap()), (json!("c"), json!(false)), "cancel of {id}");
    }
    held.release();
    page.reply().await.1.expect("a signature");

    let mut other = fixture.bridge.connect().await;
    let mut stranger = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    page.send_text(&request("signDataBatch", "b", &batch(&fixture, KeyType::Rsa2048, 300))).await;
    page.event().await;
    for connection in [&mut other, &mut stranger] {
        assert_eq!(connection.result("cancel", json!({ "id": "b" })).await, false);
    }
    let (_, outcome) = page.reply().await;
    assert_eq!(signed_and_then(&outcome.unwrap(), 300, CANCELLED), 300);
}

fn request(method: &str, id: &str, params: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

#[tokio::test]
async fn cancelling_a_batch_closes_its_pin_dialog() {
    let fixture = DialogFixture::new("");
    let held = fixture.pinentry.answer(Answer::pin(PIN).held());
    let mut page = fixture.bridge.connect().await;
    let params = without(&batch(&fixture, KeyType::P256, 10), "pin");
    let id = page.request("signDataBatch", params).await;
    held.opened();
    page.request("cancel", json!({ "id": id })).await;
    let mut signed = None;
    for _ in 0..2 {
        if let (replied, Ok(result @ Value::Array(_))) = page.reply().await {
            assert_eq!(replied, id);
            signed = Some(signed_and_then(&result, 10, CANCELLED));
        }
    }
    assert_eq!(signed, Some(0));
    fixture.pinentry.expect_no_process();
}

#[tokio::test]
async fn other_calls_and_batches_run_in_parallel() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let long = page.request("signDataBatch", batch(&fixture, KeyType::Rsa3072, 1000)).await;
    page.event().await;
    let beside = [
        page.request("hello", json!({})).await,
        page.request("slots", json!({})).await,
        page.request("signData", fixture.with_pin.clone()).await,
        page.request("signDataBatch", batch(&fixture, KeyType::P256, 20)).await,
    ];
    let mut order = Vec::new();
    for _ in 0..5 {
        let (id, outcome) = page.reply().await;
        order.push(id.as_u64().expect("a number"));
        let result = outcome.expect("a result");
        if result.is_array() && id == beside[3] {
            assert_signed(&fixture, KeyType::P256, &result, 19);
        }
    }
    assert_eq!(order.last(), Some(&long), "the long batch kept others waiting: {order:?}");
    assert_parallel_calls_work(&fixture).await;
}

async fn assert_parallel_calls_work(fixture: &DialogFixture) {
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", fixture.with_pin.clone()).await;
}

#[tokio::test]
async fn when_a_page_leaves_its_batch_other_pages_keep_the_worker() {
    let fixture = DialogFixture::new("");
    let mut staying = fixture.bridge.connect().await;
    staying.result("signData", fixture.with_pin.clone()).await;
    let worker = fixture.bridge.workers()[0].pid;
    let mut page = fixture.bridge.connect().await;
    let all = Instant::now();
    page.result("signDataBatch", batch(&fixture, KeyType::Rsa3072, 1000)).await;
    let all = all.elapsed();
    for _ in 0..3 {
        let mut leaving = fixture.bridge.connect().await;
        leaving.request("signDataBatch", batch(&fixture, KeyType::Rsa3072, 1000)).await;
        leaving.event().await;
        drop(leaving);
    }
    let start = Instant::now();
    for _ in 0..5 {
        staying.result("signData", fixture.without_pin.clone()).await;
    }
    assert!(start.elapsed() < all, "the rest is still signed: {:?}, {all:?}", start.elapsed());
    assert_eq!(fixture.bridge.workers()[0].pid, worker);
}

#[tokio::test]
async fn a_login_that_ends_during_a_batch_ends_it_without_a_dialog() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    page.request("signDataBatch", batch(&fixture, KeyType::Rsa3072, 1000)).await;
    page.event().await;
    page.request("logout", json!({})).await;
    let mut signed = None;
    for _ in 0..2 {
        match page.reply().await.1.expect("a result") {
            Value::Bool(ended) => assert!(ended),
            result => signed = Some(signed_or_refused(&result, 1000, (412, "401"))),
        }
    }
    assert!(signed.is_some_and(|signed| signed > 0 && signed < 1000), "{signed:?}");
    assert_eq!(fixture.pinentry.start_count(), 0);
}

#[tokio::test]
async fn a_worker_that_dies_fails_only_the_rest_of_its_batch() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    page.request("signDataBatch", batch(&fixture, KeyType::Rsa3072, 1000)).await;
    page.event().await;
    processes::signal(fixture.bridge.workers()[0].pid, Signal::KILL);
    let result = page.reply().await.1.expect("a result");
    let signed = (0..1000).filter(|at| item_of(&result, *at).is_ok()).count();
    assert!(signed > 0 && signed < 1000, "{signed} of 1000");
    let last = item_of(&result, 999);
    assert_error("the last", &last, (412, "401"), &["login"]);
    assert_eq!(fixture.pinentry.start_count(), 0);
    page.result("signDataBatch", with(&batch(&fixture, KeyType::P256, 2), "pin", PIN)).await;
}
