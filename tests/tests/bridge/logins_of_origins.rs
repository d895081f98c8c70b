//! Two origins in parallel, in both orders. Each has its own login in its own process,
//! and neither affects the other.

use std::time::Duration;

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::{PIN, TestToken, WRONG_PIN};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::consent::{NEW, NOT_APPROVED};
use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{CANCELLED, NO_PIN, OTHER, PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN};

const BOTH_WAYS: [[&str; 2]; 2] = [[ORIGIN, OTHER], [OTHER, ORIGIN]];

/// A page that has logged in with its PIN, and the worker that logged in.
async fn logged_in(fixture: &PinFixture, origin: &str) -> (Socket, u32) {
    let mut page = fixture.bridge.connect_as(origin).await;
    fixture.assert_signed(origin, &fixture.sign_with(&mut page, PIN).await);
    let worker = fixture.last_logged_in_worker();
    (page, worker)
}

/// The logins and logouts of a worker.
fn logins_and_logouts(fixture: &PinFixture, worker: u32) -> (usize, usize) {
    (fixture.count_by(worker, "C_Login"), fixture.count_by(worker, "C_Logout"))
}

#[tokio::test]
async fn a_login_is_of_no_use_to_another_origin() {
    for [first, second] in BOTH_WAYS {
        let fixture = PinFixture::without_pinentry(TestToken::new());
        fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
        let (mut page, worker) = logged_in(&fixture, first).await;
        let mut other = fixture.bridge.connect_as(second).await;
        let outcome = fixture.sign(&mut other).await;
        assert_error("no PIN", &outcome, NO_PIN, &["`pin`"]);
        assert_eq!(fixture.module.count("C_Login"), 1);
        let outcome = fixture.sign_with(&mut other, WRONG_PIN).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
        let others = fixture.last_logged_in_worker();
        assert_ne!(others, worker);
        assert_error("no PIN", &fixture.sign(&mut other).await, NO_PIN, &["`pin`"]);
        fixture.assert_signed("the first one", &fixture.sign(&mut page).await);

        fixture.assert_signed("the right PIN", &fixture.sign_with(&mut other, PIN).await);
        fixture.assert_signed("from then on", &fixture.sign(&mut other).await);
        assert_eq!(fixture.login_results(), [RIGHT_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
        assert_eq!(logins_and_logouts(&fixture, worker), (1, 0));
        assert_eq!(logins_and_logouts(&fixture, others), (2, 0));
    }
}

#[tokio::test]
async fn each_origin_has_a_dialog_of_its_own() {
    for [first, second] in BOTH_WAYS {
        let fixture = PinFixture::new();
        let mut page = fixture.bridge.connect_as(first).await;
        let mut other = fixture.bridge.connect_as(second).await;
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.assert_signed(first, &fixture.sign(&mut page).await);
        fixture.pinentry.answer(Answer::cancel());
        assert_error(second, &fixture.sign(&mut other).await, CANCELLED, &["cancelled"]);
        assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
        fixture.assert_signed(first, &fixture.sign(&mut page).await);
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.assert_signed(second, &fixture.sign(&mut other).await);
        for page in [&mut page, &mut other] {
            fixture.assert_signed("either", &fixture.sign(page).await);
        }
        assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 2]);
        let dialogs = fixture.pinentry.assert_dialogs(3);
        for (dialog, origin) in dialogs.iter().zip([first, second, second]) {
            assert!(dialog.description().contains(origin), "{dialog:#?}");
        }
    }
}

#[tokio::test]
async fn closing_the_last_page_ends_only_its_origins_login() {
    for [first, second] in BOTH_WAYS {
        let fixture = PinFixture::without_pinentry(TestToken::new());
        let (page, worker) = logged_in(&fixture, first).await;
        let mut another = fixture.bridge.connect_as(first).await;
        let (mut other, others) = logged_in(&fixture, second).await;
        page.close().await;
        fixture.assert_signed("another page of it", &fixture.sign(&mut another).await);
        assert_eq!(logins_and_logouts(&fixture, worker), (1, 0));
        another.close().await;
        fixture.bridge.expect_workers(1);
        assert_eq!(logins_and_logouts(&fixture, worker), (1, 1));
        assert_eq!(fixture.count_by(worker, "C_Finalize"), 1);

        fixture.assert_signed("the other origin", &fixture.sign(&mut other).await);
        assert_eq!(logins_and_logouts(&fixture, others), (1, 0));
        let mut again = fixture.bridge.connect_as(first).await;
        assert_error("a new page", &fixture.sign(&mut again).await, NO_PIN, &["`pin`"]);
        fixture.module.assert_logins(2);
    }
}

#[tokio::test]
async fn revoking_a_signing_origin_ends_only_its_worker() {
    for other_first in [false, true] {
        let fixture = PinFixture::without_pinentry(TestToken::new());
        approvals::run_command(fixture.bridge.home(), &["allow", NEW]);
        let mut early = None;
        if other_first {
            early = Some(logged_in(&fixture, OTHER).await);
        }
        let (mut page, worker) = logged_in(&fixture, NEW).await;
        let (mut other, others) = match early {
            Some(early) => early,
            None => logged_in(&fixture, OTHER).await,
        };
        let held = fixture.module.add(Rule::on("C_Sign").held());
        page.request("signData", fixture.without_pin()).await;
        fixture.module.wait_until_blocked("C_Sign", 1);
        approvals::run_command(fixture.bridge.home(), &["revoke", NEW]);
        assert_error("in flight", &page.reply().await.1, NOT_APPROVED, &["revoked"]);
        assert_eq!(page.close_code().await, 1008);
        assert!(wait_until(STOP_LIMIT, || !is_running(worker)), "its worker goes on");
        held.release();

        fixture.assert_signed("the other origin", &fixture.sign(&mut other).await);
        assert_eq!(logins_and_logouts(&fixture, others), (1, 0));
        let outcome = fixture.sign_with(&mut fixture.bridge.connect_as(NEW).await, PIN).await;
        assert_error("a new page", &outcome, NOT_APPROVED, &[NEW]);
        assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 2]);
    }
}

#[tokio::test]
async fn a_logout_reaches_the_token_for_its_origin_only() {
    for [first, second] in BOTH_WAYS {
        let fixture = PinFixture::without_pinentry(TestToken::new());
        let (mut page, worker) = logged_in(&fixture, first).await;
        let (mut other, others) = logged_in(&fixture, second).await;
        assert_eq!(page.result("logout", json!({})).await, true);
        assert_eq!(logins_and_logouts(&fixture, worker), (1, 1));
        assert_error("after it", &fixture.sign(&mut page).await, NO_PIN, &["`pin`"]);
        let slot = json!({ "slot_id": fixture.token.slot() });
        for params in [json!({}), slot.clone()] {
            assert_eq!(page.result("logout", params).await, false);
        }
        assert_eq!(logins_and_logouts(&fixture, worker), (1, 1));

        fixture.assert_signed("the other origin", &fixture.sign(&mut other).await);
        assert_eq!(logins_and_logouts(&fixture, others), (1, 0));
        fixture.assert_signed("a new login", &fixture.sign_with(&mut page, PIN).await);
        assert_eq!(page.result("logout", slot).await, true);
        assert_eq!(logins_and_logouts(&fixture, worker), (2, 2));
    }
}

#[tokio::test]
async fn an_idle_login_is_ended_at_the_token() {
    let fixture = PinFixture::configured("login_idle_seconds = 1");
    let (mut page, worker) = logged_in(&fixture, ORIGIN).await;
    let (mut busy, others) = logged_in(&fixture, OTHER).await;
    let start = Instant::now();
    while logins_and_logouts(&fixture, worker).1 == 0 {
        fixture.assert_signed("the busy one", &fixture.sign(&mut busy).await);
        assert!(start.elapsed() < STOP_LIMIT, "no logout reaches the token");
        sleep(Duration::from_millis(50)).await;
    }
    let of_worker = |function: &str| {
        let mut calls = fixture.module.calls_of(function);
        calls.retain(|call| call.pid == worker);
        calls.pop().expect("it was called").at
    };
    let idle = Duration::from_micros(of_worker("C_Logout") - of_worker("C_Sign"));
    assert!(idle >= Duration::from_secs(1), "{idle:?}");
    assert_eq!(logins_and_logouts(&fixture, others), (1, 0));

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("after it", &fixture.sign(&mut page).await);
    fixture.pinentry.assert_dialogs(1);
    assert_eq!(logins_and_logouts(&fixture, worker), (2, 1));
}
