//! At most 16 workers run at a time. An unneeded worker ends to make room. If all are
//! needed, the call fails.

use pkcs11_bridge_protocol::MAX_WORKERS;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use serde_json::json;

use super::fault_fixture::{FaultFixture, origin};

const TOO_MANY: (u16, &str) = (429, "802");

async fn open(count: usize) -> (FaultFixture, Vec<Socket>) {
    let fixture = FaultFixture::for_origins((0..count).map(origin));
    let mut pages = Vec::new();
    for number in 0..count {
        pages.push(fixture.bridge.connect_as(&origin(number)).await);
    }
    (fixture, pages)
}

#[tokio::test]
async fn one_more_worker_is_refused_if_all_are_logged_in() {
    let (fixture, mut pages) = open(MAX_WORKERS + 1).await;
    let mut one_more = pages.pop().unwrap();
    for page in &mut pages {
        page.result("signData", fixture.signing()).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
    for _ in 0..2 {
        let outcome = one_more.call("info", json!({})).await;
        assert_error("one more", &outcome, TOO_MANY, &["16"]);
    }
    // No origin has lost its login.
    for page in &mut pages {
        let mut without_pin = fixture.signing();
        without_pin.as_object_mut().unwrap().remove("pin");
        page.result("signData", without_pin).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);

    pages.pop().unwrap().close().await;
    fixture.bridge.expect_workers(MAX_WORKERS - 1);
    fixture.assert_works(&mut one_more).await;
    fixture.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn an_idle_worker_without_a_login_makes_room() {
    let (fixture, mut pages) = open(MAX_WORKERS + 3).await;
    for (number, page) in pages.iter_mut().enumerate() {
        page.result("info", json!({})).await;
        assert!(fixture.bridge.workers().len() <= MAX_WORKERS, "page {number}");
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
    // The origins whose workers ended continue without noticing.
    for page in &mut pages {
        page.result("token", fixture.slot()).await;
    }
    fixture.bridge.expect_workers(MAX_WORKERS);
}

#[tokio::test]
async fn a_busy_or_watching_worker_makes_no_room() {
    let (fixture, mut pages) = open(MAX_WORKERS + 1).await;
    let mut one_more = pages.pop().unwrap();
    let (watching, working) = pages.split_at_mut(MAX_WORKERS / 2);
    for page in watching.iter_mut() {
        page.result("watchSlots", json!({})).await;
    }
    let held = fixture.module.add(Rule::on("C_GetInfo").held());
    for (number, page) in (1..).zip(working.iter_mut()) {
        page.request("info", json!({})).await;
        fixture.module.wait_until_blocked("C_GetInfo", number);
    }
    let outcome = one_more.call("slots", json!({})).await;
    assert_error("one more", &outcome, TOO_MANY, &["16"]);
    held.release();
    for page in working.iter_mut() {
        page.reply().await.1.unwrap();
    }
    fixture.assert_works(&mut one_more).await;
    fixture.bridge.expect_workers(MAX_WORKERS);
}
