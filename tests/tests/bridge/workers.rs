//! One worker process for each module and origin, as the operating system lists them.

use std::collections::HashSet;
use std::time::Duration;

use pkcs11_bridge_tests::bridge::{Bridge, SOFTHSM, Setup};
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::{sign_data, verify_signed_data, without};
use pkcs11_bridge_tests::processes::{self, is_running};
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::modules::without_slots;

const OTHER_ORIGIN: &str = "https://other.example";

fn open() -> (TestToken, Bridge) {
    let token = TestToken::new();
    let bridge = Setup::on(&token).module("opensc", without_slots()).origin(OTHER_ORIGIN).start();
    (token, bridge)
}

fn pids(bridge: &Bridge) -> HashSet<u32> {
    bridge.workers().iter().map(|worker| worker.pid).collect()
}

/// The only worker of a bridge.
fn only_worker(bridge: &Bridge) -> u32 {
    let pids = pids(bridge);
    assert_eq!(pids.len(), 1, "{:?}", bridge.workers());
    pids.into_iter().next().expect("one")
}

#[tokio::test]
async fn each_module_and_origin_has_one_worker() {
    let (_token, bridge) = open();
    let mut first = bridge.connect().await;
    let mut second = bridge.connect().await;
    let mut other = bridge.connect_as(OTHER_ORIGIN).await;
    first.result("hello", json!({})).await;
    first.result("modules", json!({})).await;
    bridge.expect_workers(0);

    first.result("slots", json!({})).await;
    bridge.expect_workers(1);
    second.result("slots", json!({})).await;
    second.result("token", json!({ "module": SOFTHSM })).await;
    bridge.expect_workers(1);
    other.result("slots", json!({})).await;
    bridge.expect_workers(2);
    first.result("slots", json!({ "module": "opensc" })).await;
    bridge.expect_workers(3);
    other.result("slots", json!({ "module": "opensc" })).await;
    bridge.expect_workers(4);
    let before = pids(&bridge);

    other.close().await;
    bridge.expect_workers(2);
    first.close().await;
    second.result("slots", json!({})).await;
    bridge.expect_workers(2);
    assert!(pids(&bridge).is_subset(&before), "a worker was started anew");
    second.close().await;
    bridge.expect_workers(0);
}

#[tokio::test]
async fn parallel_calls_start_one_worker() {
    let (_token, bridge) = open();
    let mut pages = Vec::new();
    for _ in 0..8 {
        let mut page = bridge.connect().await;
        page.request("slots", json!({})).await;
        page.request("info", json!({})).await;
        pages.push(page);
    }
    for page in &mut pages {
        page.reply().await.1.unwrap();
        page.reply().await.1.unwrap();
    }
    only_worker(&bridge);
}

#[tokio::test]
async fn a_worker_has_no_secret_on_its_command_line() {
    let (token, bridge) = open();
    let mut page = bridge.connect().await;
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    for worker in bridge.workers() {
        assert!(!worker.arguments.join(" ").contains(PIN), "{worker:?}");
    }
}

#[tokio::test]
async fn a_worker_that_dies_between_calls_is_replaced() {
    let (token, bridge) = open();
    let with_pin = sign_data(&token, KeyType::P256.id(), "sha256");
    let without_pin = without(&with_pin, "pin");
    let mut page = bridge.connect().await;
    page.result("signData", with_pin.clone()).await;
    let worker = only_worker(&bridge);
    let mut other = bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", with_pin.clone()).await;

    processes::signal(worker, Signal::KILL);
    // The call during the death of the worker may fail with a clear error.
    let outcome = page.call("slots", json!({})).await;
    if outcome.is_err() {
        assert_error("a call during the death of the worker", &outcome, (500, "900"), &[SOFTHSM]);
    }
    page.result("slots", json!({})).await;
    assert!(!pids(&bridge).contains(&worker));
    // The login ended with the worker, and the other origin keeps its own.
    let outcome = page.call("signData", without_pin.clone()).await;
    assert_error("after the death", &outcome, (400, "801"), &["pin"]);
    page.result("signData", with_pin).await;
    other.result("signData", without_pin).await;
    bridge.expect_workers(2);
}

#[tokio::test]
async fn a_worker_that_dies_under_load_fails_its_calls_once_each() {
    let (token, bridge) = open();
    let params = sign_data(&token, KeyType::Rsa3072.id(), "sha256");
    let mut page = bridge.connect().await;
    let mut other = bridge.connect_as(OTHER_ORIGIN).await;
    page.result("signData", params.clone()).await;
    let worker = only_worker(&bridge);
    other.result("signData", params.clone()).await;

    let mut open = page.request_many("signData", &params, 64).await;
    let mut open_at_other = other.request_many("signData", &params, 64).await;
    processes::signal(worker, Signal::KILL);
    while !open.is_empty() {
        let (id, outcome) = page.reply().await;
        assert!(open.remove(&id.as_u64().unwrap()), "a second reply to {id}");
        assert_signed_or_crashed(&outcome);
    }
    while !open_at_other.is_empty() {
        let (id, outcome) = other.reply().await;
        assert!(open_at_other.remove(&id.as_u64().unwrap()), "a second reply to {id}");
        outcome.unwrap_or_else(|error| panic!("the other origin failed: {error:?}"));
    }
    page.result("signData", params).await;
}

fn assert_signed_or_crashed(outcome: &Outcome) {
    match outcome {
        Ok(signature) => assert!(signature.is_string()),
        Err(_) => {
            assert_error("a call during the death of the worker", outcome, (500, "900"), &[SOFTHSM])
        }
    }
}

#[tokio::test]
async fn a_hanging_worker_does_not_affect_others() {
    let (token, bridge) = open();
    let mut page = bridge.connect().await;
    page.result("slots", json!({})).await;
    let worker = only_worker(&bridge);
    processes::signal(worker, Signal::STOP);
    page.request("slots", json!({})).await;

    let mut other = bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    let mut second = bridge.connect().await;
    second.result("hello", json!({})).await;
    second.result("slots", json!({ "module": "opensc" })).await;
    // The hanging worker ends when its pages leave.
    page.close().await;
    second.close().await;
    let ended = processes::wait_until(Duration::from_secs(30), || !is_running(worker));
    assert!(ended, "the hanging worker outlives its origin");
}

#[tokio::test]
async fn a_page_that_leaves_during_a_call_ends_its_worker() {
    let (token, bridge) = open();
    let mut page = bridge.connect().await;
    let params = sign_data(&token, KeyType::Rsa3072.id(), "sha256");
    page.request_many("signData", &params, 60).await;
    drop(page);
    bridge.expect_workers(0);
    let mut next = bridge.connect().await;
    let outcome = next.call("signData", without(&params, "pin")).await;
    assert_error("the next page", &outcome, (400, "801"), &["pin"]);
}

#[tokio::test]
async fn workers_end_with_a_killed_bridge() {
    let (token, bridge) = open();
    let mut page = bridge.connect().await;
    let params: Value = sign_data(&token, KeyType::P256.id(), "sha256");
    page.result("signData", params.clone()).await;
    let mut other = bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", params).await;
    let workers = pids(&bridge);
    assert_eq!(workers.len(), 2);
    assert_eq!(bridge.stop_with(Signal::KILL).code, None);
    for worker in workers {
        let ended = processes::wait_until(Duration::from_secs(20), || !is_running(worker));
        assert!(ended, "worker {worker} outlives its bridge");
    }
}

/// Again and again a page leaves during a long request, beside another page of its origin.
#[tokio::test]
async fn a_page_that_leaves_during_a_call_affects_no_other() {
    let (token, bridge) = open();
    let mut page = bridge.connect().await;
    let params = sign_data(&token, KeyType::P256.id(), "sha256");
    page.result("signData", params.clone()).await;
    let worker = only_worker(&bridge);
    let long = "A".repeat(900_000);
    for _ in 0..8 {
        let mut leaving = bridge.connect().await;
        let verify = verify_signed_data(&params, &json!(long));
        leaving.request_many("verifySignedData", &verify, 8).await;
        leaving.close().await;
        // Still logged in, in the same process.
        page.result("signData", without(&params, "pin")).await;
    }
    assert_eq!(only_worker(&bridge), worker);
}
