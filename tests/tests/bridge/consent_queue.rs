//! Many calls and many origins that need an answer. The bridge shows one dialog at a
//! time and no unneeded dialog. Calls of approved origins do not wait.

use std::collections::HashSet;
use std::time::Instant;

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::bridge::Bridge;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::socket::Socket;
use rustix::process::Signal;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::consent::{NEW, NOT_APPROVED, open};
use super::consent_text::shown;

const OTHER: &str = "https://other.example";

/// A page whose call waits for an answer.
async fn page_with_call(bridge: &Bridge, origin: &str) -> Socket {
    let mut page = bridge.connect_as(origin).await;
    page.request("hello", json!({})).await;
    page
}

async fn assert_allowed(page: &mut Socket) {
    page.reply().await.1.expect("it was allowed");
}

/// The origins that the user was asked about, in order.
fn asked_about(pinentry: &Pinentry) -> Vec<String> {
    pinentry.dialogs().iter().map(shown).collect()
}

#[tokio::test]
async fn calls_of_an_origin_share_one_dialog_and_others_do_not_wait() {
    let (pinentry, bridge) = open("");
    let held = pinentry.answer(Answer::allow().held());
    let mut pages = [bridge.connect_as(NEW).await, bridge.connect_as(NEW).await];
    let mut open = Vec::new();
    for page in &mut pages {
        open.push(page.request_many("hello", &json!({}), 20).await);
    }
    held.opened();
    let mut approved = bridge.connect().await;
    for _ in 0..10 {
        approved.result("hello", json!({})).await;
    }
    assert!(held.opened().is_open());
    held.release();
    for (page, open) in pages.iter_mut().zip(open) {
        let mut replied = HashSet::new();
        for _ in 0..20 {
            let (id, outcome) = page.reply().await;
            outcome.expect("it was allowed");
            replied.insert(id.as_u64().expect("a number"));
        }
        assert_eq!(replied, open);
    }
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn a_denial_answers_all_waiting_calls() {
    let (pinentry, bridge) = open("");
    let held = pinentry.answer(Answer::deny().held());
    let mut page = bridge.connect_as(NEW).await;
    page.request_many("hello", &json!({}), 20).await;
    held.opened();
    held.release();
    for _ in 0..20 {
        assert_error("one of many", &page.reply().await.1, NOT_APPROVED, &["not asked again"]);
    }
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn two_origins_are_asked_about_one_after_the_other() {
    let (pinentry, bridge) = open("");
    let first = pinentry.answer(Answer::allow().held());
    let second = pinentry.answer(Answer::deny().held());
    let mut page = page_with_call(&bridge, NEW).await;
    first.opened();
    let mut other = page_with_call(&bridge, OTHER).await;
    bridge.connect().await.result("hello", json!({})).await;
    pinentry.wait_for_dialogs(1);
    first.release();
    assert_allowed(&mut page).await;
    second.opened();
    page.result("hello", json!({})).await;
    second.release();
    assert_error("the other", &other.reply().await.1, NOT_APPROVED, &[OTHER]);
    assert_eq!(asked_about(&pinentry), [NEW, OTHER]);
    assert_eq!(pinentry.max_open_dialogs(), 1);
    pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn the_queue_of_questions_is_bounded() {
    let (pinentry, bridge) = open("");
    let first = pinentry.answer(Answer::allow().held());
    let mut pages = vec![page_with_call(&bridge, "https://site-0.example").await];
    first.opened();
    for number in 1..15 {
        pages.push(page_with_call(&bridge, &format!("https://site-{number}.example")).await);
    }
    for _ in 0..3 {
        pinentry.answer(Answer::allow());
    }
    // Calls beyond the limit fail at once. The other calls are answered in turn.
    let start = Instant::now();
    let mut refused = Vec::new();
    for page in &mut pages.drain(3..).collect::<Vec<_>>() {
        let outcome = page.reply().await.1;
        assert_error("no room", &outcome, NOT_APPROVED, &["other questions", "try again"]);
        refused.push(outcome);
    }
    assert!(start.elapsed() < STOP_LIMIT);
    first.release();
    for page in &mut pages {
        assert_allowed(page).await;
    }
    assert_eq!((pinentry.dialogs().len(), pinentry.max_open_dialogs()), (3, 1));
    // A full queue is not a denial.
    let mut late = page_with_call(&bridge, "https://site-12.example").await;
    assert_allowed(&mut late).await;
}

#[tokio::test]
async fn a_page_that_leaves_early_is_not_asked_about() {
    let (pinentry, bridge) = open("");
    let first = pinentry.answer(Answer::allow().held());
    let mut page = page_with_call(&bridge, NEW).await;
    first.opened();
    let leaving = page_with_call(&bridge, "https://leaving.example").await;
    bridge.connect().await.result("hello", json!({})).await;
    leaving.close().await;
    let mut other = page_with_call(&bridge, OTHER).await;
    pinentry.answer(Answer::allow());
    first.release();
    assert_allowed(&mut page).await;
    assert_allowed(&mut other).await;
    assert_eq!(asked_about(&pinentry), [NEW, OTHER]);
    pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn a_question_stays_while_its_page_loads_again() {
    let (pinentry, bridge) = open("");
    let held = pinentry.answer(Answer::allow().held());
    let page = page_with_call(&bridge, NEW).await;
    held.opened();
    page.close().await;
    // The page comes back and gets the same dialog.
    let mut again = page_with_call(&bridge, NEW).await;
    bridge.connect().await.result("hello", json!({})).await;
    assert!(held.opened().is_open());
    again.close().await;
    held.release();
    let remembered = || approvals::origins(bridge.home()) == [NEW];
    assert!(wait_until(STOP_LIMIT, remembered));
    again = bridge.connect_as(NEW).await;
    again.result("hello", json!({})).await;
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn a_question_goes_away_with_its_page_and_does_not_flicker() {
    let (pinentry, bridge) = open("");
    let held = pinentry.answer(Answer::allow().held());
    let page = page_with_call(&bridge, NEW).await;
    held.opened();
    page.close().await;
    assert!(wait_until(STOP_LIMIT, || pinentry.processes().is_empty()), "it stays open");
    let mut again = bridge.connect_as(NEW).await;
    for _ in 0..2 {
        let outcome = again.call("hello", json!({})).await;
        assert_error("the page is back", &outcome, NOT_APPROVED, &["not asked again for 1 min"]);
    }
    assert_eq!(approvals::origins(bridge.home()), [""; 0]);
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn a_stopping_bridge_closes_its_dialog() {
    for answer in [Answer::allow().held(), Answer::hang(), Answer::hang().at_start()] {
        let (pinentry, bridge) = open("");
        pinentry.answer(answer);
        let page = page_with_call(&bridge, NEW).await;
        let waiting = page_with_call(&bridge, OTHER).await;
        assert!(wait_until(STOP_LIMIT, || pinentry.start_count() == 1));
        let dialogs = bridge.dialogs();
        assert_eq!(dialogs.len(), 1, "{dialogs:?}");

        let stopping = spawn_blocking(move || bridge.stop_with(Signal::TERM));
        for mut page in [page, waiting] {
            assert_error("a call that waits", &page.reply().await.1, NOT_APPROVED, &[]);
            assert_eq!(page.close_code().await, 1001);
        }
        let finished = stopping.await.unwrap();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        pinentry.expect_no_process();
        assert_eq!(pinentry.start_count(), 1, "another dialog was opened");
    }
}

#[tokio::test]
async fn a_killed_bridge_takes_its_dialog_with_it() {
    for answer in [Answer::allow().held(), Answer::hang()] {
        let (pinentry, bridge) = open("");
        let scripted = pinentry.answer(answer);
        let _page = page_with_call(&bridge, NEW).await;
        scripted.opened();
        let dialogs = bridge.dialogs();
        bridge.stop_with(Signal::KILL);
        let ended = || dialogs.iter().all(|dialog| !is_running(dialog.pid));
        assert!(wait_until(STOP_LIMIT, ended), "{dialogs:?}");
        assert!(wait_until(STOP_LIMIT, || pinentry.processes().is_empty()), "the pinentry goes on");
    }
}
