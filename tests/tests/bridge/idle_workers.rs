//! An idle worker ends after a while. A worker that is logged in, or whose slots are
//! watched, stays.

use std::time::Duration;

use pkcs11_bridge_tests::params::{with, without};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use serde_json::json;

use super::fault_fixture::FaultFixture;

fn worker(fixture: &FaultFixture) -> u32 {
    let workers = fixture.bridge.workers();
    assert_eq!(workers.len(), 1, "{workers:?}");
    workers[0].pid
}

/// Asserts that the worker still runs long after idle workers have ended.
async fn assert_stays(fixture: &FaultFixture, page: &mut Socket) {
    let before = worker(fixture);
    let stays = || fixture.bridge.workers().iter().any(|worker| worker.pid == before);
    assert!(!wait_until(Duration::from_secs(4), || !stays()), "it has ended");
    page.result("hello", json!({})).await;
}

#[tokio::test]
async fn an_idle_worker_ends_and_the_next_call_works() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    for number in 1..=2 {
        page.result("info", json!({})).await;
        fixture.bridge.expect_workers(0);
        assert_eq!(fixture.module.count("C_Initialize"), number);
        assert_eq!(fixture.module.count("C_Finalize"), number, "it did not end cleanly");
    }
    fixture.assert_works(&mut page).await;
}

#[tokio::test]
async fn a_logged_in_worker_stays() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.signing()).await;
    assert_stays(&fixture, &mut page).await;
}

#[tokio::test]
async fn a_worker_ends_after_a_logout() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.signing()).await;
    assert_eq!(page.result("logout", json!({})).await, true);
    fixture.bridge.expect_workers(0);
}

#[tokio::test]
async fn a_worker_ends_after_an_unused_login() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1\nlogin_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.signing()).await;
    fixture.bridge.expect_workers(0);
    fixture.assert_works(&mut page).await;
}

#[tokio::test]
async fn a_worker_with_watched_slots_stays() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    page.result("watchSlots", json!({})).await;
    assert_stays(&fixture, &mut page).await;
    assert_eq!(page.result("unwatchSlots", json!({})).await, true);
    fixture.bridge.expect_workers(0);
}

#[tokio::test]
async fn a_busy_worker_stays() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    let held = fixture.module.add(Rule::on("C_GetInfo").held());
    page.request("info", json!({})).await;
    fixture.module.wait_until_blocked("C_GetInfo", 1);
    let mut other = fixture.bridge.connect().await;
    assert_stays(&fixture, &mut other).await;
    held.release();
    page.reply().await.1.unwrap();
    fixture.bridge.expect_workers(0);
}

#[tokio::test]
async fn a_worker_ends_after_its_first_page_has_left() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut other = fixture.bridge.connect().await;
    let starting = fixture.module.add(Rule::on("C_Initialize").held());
    let mut page = fixture.bridge.connect().await;
    page.request("info", json!({})).await;
    fixture.module.wait_until_blocked("C_Initialize", 1);
    page.close().await;
    starting.release();
    fixture.bridge.expect_log("worker started");
    fixture.bridge.expect_workers(0);
    other.result("hello", json!({})).await;
}

#[tokio::test]
async fn a_worker_ends_after_failed_logins() {
    let fixture = FaultFixture::configured("worker_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    let no_slot = with(&fixture.signing(), "slot_id", 4711);
    // No pinentry can ask for the PIN.
    let no_pin = without(&fixture.signing(), "pin");
    for params in [no_slot, no_pin] {
        page.call("signData", params).await.expect_err("it cannot be signed");
        fixture.bridge.expect_workers(0);
    }
}
