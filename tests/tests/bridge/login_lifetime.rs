//! The lifetime of a login: it ends after an idle time or a logout, and it never
//! belongs to another origin.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, verify_signed_data};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::json;

use super::pin_dialog::{CANCELLED, DialogFixture, OTHER_ORIGIN};

const LOGGED_OUT: &str = "logged out: no signature used the login";

/// Asserts that a page is not logged in: signing asks the user, who cancels.
async fn assert_logged_out(fixture: &DialogFixture, page: &mut Socket) {
    let before = fixture.pinentry.dialogs().len();
    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signData", fixture.without_pin.clone()).await;
    assert_error("without a login", &outcome, CANCELLED, &[]);
    fixture.pinentry.assert_dialogs(before + 1);
}

#[tokio::test]
async fn reading_does_not_keep_a_login_alive() {
    let fixture = DialogFixture::new("login_idle_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    let signature = page.result("signData", fixture.with_pin.clone()).await;
    let verify = verify_signed_data(&fixture.with_pin, &signature);
    let slot = json!({ "slot_id": fixture.token.slot() });
    let start = Instant::now();
    while !fixture.bridge.log().contains(LOGGED_OUT) {
        assert!(start.elapsed() < Duration::from_secs(30), "reading keeps the login alive");
        page.result("slots", json!({})).await;
        page.result("token", slot.clone()).await;
        page.certificates(slot.clone()).await;
        assert_eq!(page.result("verifySignedData", verify.clone()).await, true);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
    assert_logged_out(&fixture, &mut page).await;
    // The worker is the same process, and the next login works like the first.
    fixture.bridge.expect_workers(1);
    page.result("signData", fixture.with_pin.clone()).await;
    page.result("signData", fixture.without_pin.clone()).await;
}

#[tokio::test]
async fn signing_keeps_only_the_login_of_its_origin_alive() {
    let fixture = DialogFixture::new("login_idle_seconds = 3");
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    page.result("signData", fixture.with_pin.clone()).await;
    other.result("signData", fixture.with_pin.clone()).await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(4500) {
        page.result("signData", fixture.without_pin.clone()).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    fixture.pinentry.assert_dialogs(0);
    assert_logged_out(&fixture, &mut other).await;
    page.result("signData", fixture.without_pin.clone()).await;
}

#[tokio::test]
async fn a_logout_says_whether_there_was_a_login() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let slot = json!({ "slot_id": fixture.token.slot() });
    for params in [&slot, &json!({}), &json!({ "slot_id": 4711 })] {
        assert_eq!(page.result("logout", params.clone()).await, false, "before any login");
    }
    fixture.bridge.expect_workers(0);
    for (params, ends) in [
        (&slot, true),
        (&json!({}), true),
        (&json!({ "slot_id": fixture.token.free_slot() }), false),
        (&json!({ "slot_id": 4711 }), false),
    ] {
        page.result("signData", fixture.with_pin.clone()).await;
        assert_eq!(page.result("logout", params.clone()).await, ends, "{params}");
        if ends {
            assert_logged_out(&fixture, &mut page).await;
            for again in [&slot, &json!({})] {
                assert_eq!(page.result("logout", again.clone()).await, false);
            }
        } else {
            page.result("signData", fixture.without_pin.clone()).await;
        }
    }
}

#[tokio::test]
async fn a_logout_ends_the_login_of_its_origin_only() {
    let fixture = DialogFixture::new("");
    let mut pages = [fixture.bridge.connect().await, fixture.bridge.connect().await];
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    pages[0].result("signData", fixture.with_pin.clone()).await;
    other.result("signData", fixture.with_pin.clone()).await;
    assert_eq!(pages[1].result("logout", json!({})).await, true);
    for page in &mut pages {
        assert_logged_out(&fixture, page).await;
    }
    let before = fixture.pinentry.dialogs().len();
    other.result("signData", fixture.without_pin.clone()).await;
    fixture.pinentry.assert_dialogs(before);
}

#[tokio::test]
async fn a_logout_during_calls_causes_no_crash() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.with_pin.clone()).await;
    page.request_many("signData", &fixture.with_pin, 30).await;
    page.request("logout", json!({})).await;
    page.request_many("signData", &fixture.with_pin, 30).await;
    for _ in 0..61 {
        page.reply().await.1.expect("a signature, or the answer to the logout");
    }
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_logout_without_a_module_means_the_default_module() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).module("opensc", super::modules::without_slots()).start();
    let mut page = bridge.connect_as(ORIGIN).await;
    page.result("slots", json!({ "module": "opensc" })).await;
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    assert_eq!(page.result("logout", json!({ "module": "opensc" })).await, false);
    assert_eq!(page.result("logout", json!({ "module": "softhsm" })).await, true);
    let outcome = page.call("logout", json!({ "module": "other" })).await;
    assert_error("no such module", &outcome, (412, "300"), &["module"]);
}
