//! A worker that nobody uses ends after a while, unless it is logged in or its slots are watched.

use std::time::Duration;

use pkcs11_bridge_tests::params::{with, without};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use serde_json::json;

use super::faulty::Faulty;

fn worker(faulty: &Faulty) -> u32 {
    let workers = faulty.bridge.workers();
    assert_eq!(workers.len(), 1, "{workers:?}");
    workers[0].pid
}

/// Asserts that it is there when all that are idle are gone for long.
async fn assert_stays(faulty: &Faulty, page: &mut Socket) {
    let before = worker(faulty);
    let stays = || faulty.bridge.workers().iter().any(|worker| worker.pid == before);
    assert!(!wait_until(Duration::from_secs(4), || !stays()), "it has ended");
    page.result("hello", json!({})).await;
}

#[tokio::test]
async fn it_ends_and_the_next_call_works() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    for number in 1..=2 {
        page.result("info", json!({})).await;
        faulty.bridge.expect_workers(0);
        assert_eq!(faulty.module.count("C_Initialize"), number);
        assert_eq!(faulty.module.count("C_Finalize"), number, "it was not ended in order");
    }
    faulty.assert_works(&mut page).await;
}

#[tokio::test]
async fn it_stays_while_it_is_logged_in() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    page.result("signData", faulty.signing()).await;
    assert_stays(&faulty, &mut page).await;
}

#[tokio::test]
async fn it_ends_after_a_logout() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    page.result("signData", faulty.signing()).await;
    assert_eq!(page.result("logout", json!({})).await, true);
    faulty.bridge.expect_workers(0);
}

#[tokio::test]
async fn it_ends_after_a_login_that_nobody_uses() {
    let faulty = Faulty::configured("worker_idle_seconds = 1\nlogin_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    page.result("signData", faulty.signing()).await;
    faulty.bridge.expect_workers(0);
    faulty.assert_works(&mut page).await;
}

#[tokio::test]
async fn it_stays_while_its_slots_are_watched() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    page.result("watchSlots", json!({})).await;
    assert_stays(&faulty, &mut page).await;
    assert_eq!(page.result("unwatchSlots", json!({})).await, true);
    faulty.bridge.expect_workers(0);
}

#[tokio::test]
async fn it_stays_while_it_is_at_work() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    let held = faulty.module.add(Rule::on("C_GetInfo").held());
    page.request("info", json!({})).await;
    faulty.module.wait_until_blocked("C_GetInfo", 1);
    let mut other = faulty.bridge.connect().await;
    assert_stays(&faulty, &mut other).await;
    held.release();
    page.reply().await.1.unwrap();
    faulty.bridge.expect_workers(0);
}

#[tokio::test]
async fn it_ends_where_the_page_that_had_it_started_is_gone_by_then() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut other = faulty.bridge.connect().await;
    let starting = faulty.module.add(Rule::on("C_Initialize").held());
    let mut page = faulty.bridge.connect().await;
    page.request("info", json!({})).await;
    faulty.module.wait_until_blocked("C_Initialize", 1);
    page.close().await;
    starting.release();
    faulty.bridge.expect_log("worker started");
    faulty.bridge.expect_workers(0);
    other.result("hello", json!({})).await;
}

#[tokio::test]
async fn it_ends_after_calls_that_have_not_logged_in() {
    let faulty = Faulty::configured("worker_idle_seconds = 1");
    let mut page = faulty.bridge.connect().await;
    let no_slot = with(&faulty.signing(), "slot_id", 4711);
    // There is no pinentry that could ask for it.
    let no_pin = without(&faulty.signing(), "pin");
    for params in [no_slot, no_pin] {
        page.call("signData", params).await.expect_err("it cannot be signed");
        faulty.bridge.expect_workers(0);
    }
}
