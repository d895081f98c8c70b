//! Two origins side by side, both ways round: each has a login of its own in a process of its own, and
//! what the one does with it is nothing to the other.

use std::time::Duration;

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::refusal::assert_refused;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::{PIN, TestToken, WRONG_PIN};
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::consent::{NEW, NOT_APPROVED};
use super::desk::{CANCELLED, Desk, NO_PIN, OTHER, RIGHT_LOGIN, WRONG, WRONG_LOGIN};

const BOTH_WAYS: [[&str; 2]; 2] = [[ORIGIN, OTHER], [OTHER, ORIGIN]];

/// A page that has logged in with its PIN, and the worker that did it.
async fn logged_in(desk: &Desk, origin: &str) -> (Socket, u32) {
    let mut page = desk.bridge.connect_as(origin).await;
    desk.assert_signed(origin, &desk.sign_with(&mut page, PIN).await);
    let worker = desk.last_to_log_in();
    (page, worker)
}

/// The logins and logouts of a worker.
fn ins_and_outs(desk: &Desk, worker: u32) -> (usize, usize) {
    (desk.count_by(worker, "C_Login"), desk.count_by(worker, "C_Logout"))
}

#[tokio::test]
async fn an_origin_gets_nothing_from_the_login_of_another() {
    for [first, second] in BOTH_WAYS {
        let desk = Desk::without_pinentry(TestToken::new());
        let (mut page, worker) = logged_in(&desk, first).await;
        let mut other = desk.bridge.connect_as(second).await;
        let outcome = desk.sign(&mut other).await;
        assert_refused("no PIN", &outcome, NO_PIN, &["`pin`"]);
        assert_eq!(desk.module.count("C_Login"), 1);
        let outcome = desk.sign_with(&mut other, WRONG_PIN).await;
        assert_refused("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
        let others = desk.last_to_log_in();
        assert_ne!(others, worker);
        assert_refused("no PIN", &desk.sign(&mut other).await, NO_PIN, &["`pin`"]);
        desk.assert_signed("the first one", &desk.sign(&mut page).await);

        desk.assert_signed("the right PIN", &desk.sign_with(&mut other, PIN).await);
        desk.assert_signed("from then on", &desk.sign(&mut other).await);
        assert_eq!(desk.judged(), [RIGHT_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
        assert_eq!(ins_and_outs(&desk, worker), (1, 0));
        assert_eq!(ins_and_outs(&desk, others), (2, 0));
    }
}

#[tokio::test]
async fn each_origin_has_a_dialog_of_its_own() {
    for [first, second] in BOTH_WAYS {
        let desk = Desk::new();
        let mut page = desk.bridge.connect_as(first).await;
        let mut other = desk.bridge.connect_as(second).await;
        desk.pinentry.answer(Answer::pin(PIN));
        desk.assert_signed(first, &desk.sign(&mut page).await);
        desk.pinentry.answer(Answer::cancel());
        assert_refused(second, &desk.sign(&mut other).await, CANCELLED, &["cancelled"]);
        assert_eq!(desk.judged(), [RIGHT_LOGIN]);
        desk.assert_signed(first, &desk.sign(&mut page).await);
        desk.pinentry.answer(Answer::pin(PIN));
        desk.assert_signed(second, &desk.sign(&mut other).await);
        for page in [&mut page, &mut other] {
            desk.assert_signed("either", &desk.sign(page).await);
        }
        assert_eq!(desk.judged(), [RIGHT_LOGIN; 2]);
        let dialogs = desk.pinentry.assert_dialogs(3);
        for (dialog, origin) in dialogs.iter().zip([first, second, second]) {
            assert!(dialog.description().contains(origin), "{dialog:#?}");
        }
    }
}

#[tokio::test]
async fn the_last_page_of_an_origin_takes_its_login_with_it_and_no_other() {
    for [first, second] in BOTH_WAYS {
        let desk = Desk::without_pinentry(TestToken::new());
        let (page, worker) = logged_in(&desk, first).await;
        let mut another = desk.bridge.connect_as(first).await;
        let (mut other, others) = logged_in(&desk, second).await;
        page.close().await;
        desk.assert_signed("another page of it", &desk.sign(&mut another).await);
        assert_eq!(ins_and_outs(&desk, worker), (1, 0));
        another.close().await;
        desk.bridge.expect_workers(1);
        assert_eq!(ins_and_outs(&desk, worker), (1, 1));
        assert_eq!(desk.count_by(worker, "C_Finalize"), 1);

        desk.assert_signed("the other origin", &desk.sign(&mut other).await);
        assert_eq!(ins_and_outs(&desk, others), (1, 0));
        let mut again = desk.bridge.connect_as(first).await;
        assert_refused("it comes anew", &desk.sign(&mut again).await, NO_PIN, &["`pin`"]);
        desk.module.assert_logins(2);
    }
}

#[tokio::test]
async fn an_origin_that_is_revoked_while_it_signs_loses_its_worker_and_no_other_does() {
    for other_first in [false, true] {
        let desk = Desk::without_pinentry(TestToken::new());
        approvals::succeed(desk.bridge.home(), &["allow", NEW]);
        let mut early = None;
        if other_first {
            early = Some(logged_in(&desk, OTHER).await);
        }
        let (mut page, worker) = logged_in(&desk, NEW).await;
        let (mut other, others) = match early {
            Some(early) => early,
            None => logged_in(&desk, OTHER).await,
        };
        let held = desk.module.add(Rule::on("C_Sign").held());
        page.request("signData", desk.without_pin()).await;
        desk.module.wait_until_waiting("C_Sign", 1);
        approvals::succeed(desk.bridge.home(), &["revoke", NEW]);
        assert_refused("in flight", &page.reply().await.1, NOT_APPROVED, &["revoked"]);
        assert_eq!(page.close_code().await, 1008);
        assert!(wait_until(STOP_LIMIT, || !is_running(worker)), "its worker goes on");
        held.release();

        desk.assert_signed("the other origin", &desk.sign(&mut other).await);
        assert_eq!(ins_and_outs(&desk, others), (1, 0));
        let outcome = desk.sign_with(&mut desk.bridge.connect_as(NEW).await, PIN).await;
        assert_refused("it comes anew", &outcome, NOT_APPROVED, &[NEW]);
        assert_eq!(desk.judged(), [RIGHT_LOGIN; 2]);
    }
}

#[tokio::test]
async fn a_logout_reaches_the_token_and_ends_the_login_of_that_origin_alone() {
    for [first, second] in BOTH_WAYS {
        let desk = Desk::without_pinentry(TestToken::new());
        let (mut page, worker) = logged_in(&desk, first).await;
        let (mut other, others) = logged_in(&desk, second).await;
        assert_eq!(page.result("logout", json!({})).await, true);
        assert_eq!(ins_and_outs(&desk, worker), (1, 1));
        assert_refused("after it", &desk.sign(&mut page).await, NO_PIN, &["`pin`"]);
        let slot = json!({ "slot_id": desk.token.slot() });
        for params in [json!({}), slot.clone()] {
            assert_eq!(page.result("logout", params).await, false);
        }
        assert_eq!(ins_and_outs(&desk, worker), (1, 1));

        desk.assert_signed("the other origin", &desk.sign(&mut other).await);
        assert_eq!(ins_and_outs(&desk, others), (1, 0));
        desk.assert_signed("a login anew", &desk.sign_with(&mut page, PIN).await);
        assert_eq!(page.result("logout", slot).await, true);
        assert_eq!(ins_and_outs(&desk, worker), (2, 2));
    }
}

#[tokio::test]
async fn a_login_that_nobody_signs_with_is_ended_at_the_token() {
    let desk = Desk::configured("login_idle_seconds = 1");
    let (mut page, worker) = logged_in(&desk, ORIGIN).await;
    let (mut busy, others) = logged_in(&desk, OTHER).await;
    let start = Instant::now();
    while ins_and_outs(&desk, worker).1 == 0 {
        desk.assert_signed("the busy one", &desk.sign(&mut busy).await);
        assert!(start.elapsed() < STOP_LIMIT, "nobody logs out");
        sleep(Duration::from_millis(50)).await;
    }
    let of_worker = |function: &str| {
        let mut calls = desk.module.calls_of(function);
        calls.retain(|call| call.pid == worker);
        calls.pop().expect("it was called").at
    };
    let idle = Duration::from_micros(of_worker("C_Logout") - of_worker("C_Sign"));
    assert!(idle >= Duration::from_secs(1), "{idle:?}");
    assert_eq!(ins_and_outs(&desk, others), (1, 0));

    desk.pinentry.answer(Answer::pin(PIN));
    desk.assert_signed("after it", &desk.sign(&mut page).await);
    desk.pinentry.assert_dialogs(1);
    assert_eq!(ins_and_outs(&desk, worker), (2, 1));
}
