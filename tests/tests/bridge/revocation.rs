//! A revoked origin loses its connections, workers, calls and dialogs at once. Other
//! origins are not affected.

use std::time::Duration;

use pkcs11_bridge_tests::approvals::{self, run_command};
use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::digest::{base64, digest};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken};
use serde_json::{Value, json};

use super::consent::{NEW, NOT_APPROVED};

/// A bridge that allows one origin for ever, and [`NEW`] until its revocation.
struct RevocationFixture {
    token: TestToken,
    pinentry: Pinentry,
    bridge: Bridge,
}

impl RevocationFixture {
    fn open() -> Self {
        let (token, pinentry) = (TestToken::new(), Pinentry::new());
        let setup = Setup::on(&token).pinentry(&pinentry);
        approvals::write(setup.home(), &[(NEW, 1000), ("https://third.example", 1000)]);
        Self { token, pinentry, bridge: setup.start() }
    }

    fn params(&self) -> Value {
        sign_data(&self.token, KeyType::P256.id(), "sha256")
    }

    fn revoke(&self) {
        run_command(self.bridge.home(), &["revoke", NEW]);
    }
}

#[tokio::test]
async fn a_revoked_origin_loses_connections_and_workers_at_once() {
    let fixture = RevocationFixture::open();
    let mut other = fixture.bridge.connect().await;
    other.result("signData", fixture.params()).await;
    let mut third = fixture.bridge.connect_as("https://third.example").await;
    third.result("slots", json!({})).await;
    let of_others: Vec<u32> = fixture.bridge.workers().iter().map(|worker| worker.pid).collect();
    let mut pages = [fixture.bridge.connect_as(NEW).await, fixture.bridge.connect_as(NEW).await];
    pages[0].result("signData", fixture.params()).await;
    let workers = fixture.bridge.workers();
    let worker = workers.iter().find(|worker| !of_others.contains(&worker.pid)).expect("a worker");

    fixture.revoke();
    for page in &mut pages {
        assert_eq!(page.close_code().await, 1008);
    }
    assert!(wait_until(STOP_LIMIT, || !is_running(worker.pid)), "its worker still runs");

    // Other origins keep their workers, connections and logins.
    other.result("signData", without(&fixture.params(), "pin")).await;
    third.result("slots", json!({})).await;
    let left: Vec<u32> = fixture.bridge.workers().iter().map(|worker| worker.pid).collect();
    assert_eq!(left.len(), 2);
    assert!(of_others.iter().all(|pid| left.contains(pid)), "{of_others:?} {left:?}");
}

#[tokio::test]
async fn a_revoked_origin_is_not_asked_about_for_a_while() {
    let fixture = RevocationFixture::open();
    let mut page = fixture.bridge.connect_as(NEW).await;
    page.result("hello", json!({})).await;
    fixture.revoke();
    assert_eq!(page.close_code().await, 1008);
    let mut again = fixture.bridge.connect_as(NEW).await;
    for _ in 0..2 {
        let outcome = again.call("slots", json!({})).await;
        assert_error("after a revoke", &outcome, NOT_APPROVED, &["not asked again for 10 min"]);
    }
    assert_eq!(fixture.pinentry.start_count(), 0);
    // A user who allows the origin again need not wait.
    run_command(fixture.bridge.home(), &["allow", NEW]);
    again.result("slots", json!({})).await;
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_revocation_answers_a_waiting_call_and_closes_its_dialog() {
    let fixture = RevocationFixture::open();
    let held = fixture.pinentry.answer(Answer::pin(PIN).held());
    let mut page = fixture.bridge.connect_as(NEW).await;
    page.request("signData", without(&fixture.params(), "pin")).await;
    held.opened();
    // Another question waits behind it.
    let mut other = fixture.bridge.connect().await;
    other.request("signData", without(&fixture.params(), "pin")).await;
    fixture.pinentry.answer(Answer::pin(PIN));

    fixture.revoke();
    assert_error("a call", &page.reply().await.1, NOT_APPROVED, &["revoked"]);
    assert_eq!(page.close_code().await, 1008);
    other.reply().await.1.expect("a signature");
    fixture.pinentry.assert_dialogs(2);
    fixture.pinentry.expect_no_process();
}

#[tokio::test]
async fn a_revocation_answers_running_calls() {
    let fixture = RevocationFixture::open();
    let hashes: Vec<_> =
        (0..1000_u32).map(|number| base64(&digest("sha256", &number.to_le_bytes()))).collect();
    let batch = with(&fixture.params(), "cert_id", KeyType::Rsa3072.id());
    let mut page = fixture.bridge.connect_as(NEW).await;
    page.request("signDataBatch", with(&batch, "data", hashes)).await;
    // The first report of progress.
    page.event().await;
    let single = with(&fixture.params(), "cert_id", KeyType::Rsa3072.id());
    page.request_many("signData", &single, 10).await;

    fixture.revoke();
    let mut refused = 0;
    for _ in 0..11 {
        if let (_, outcome @ Err(_)) = page.reply().await {
            assert_error("a call", &outcome, NOT_APPROVED, &["revoked"]);
            refused += 1;
        }
    }
    assert!(refused > 0, "all of it was done before");
    assert_eq!(page.close_code().await, 1008);
    fixture.bridge.expect_workers(0);
    fixture.bridge.connect().await.result("signData", single).await;
}

#[tokio::test]
async fn a_revocation_ends_the_watch_of_slots() {
    let fixture = RevocationFixture::open();
    let mut page = fixture.bridge.connect_as(NEW).await;
    assert_eq!(page.result("watchSlots", json!({})).await, true);
    fixture.revoke();
    fixture.bridge.expect_log("its origin was revoked");
    // The page delays its close frame for longer than the time between two polls of the slots.
    assert!(wait_until(STOP_LIMIT, || fixture.bridge.workers().is_empty()));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(fixture.bridge.log().matches("worker started").count(), 1);
    assert_eq!(page.close_code().await, 1008);
}
