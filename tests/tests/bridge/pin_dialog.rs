//! A call without a PIN opens a dialog, and its reply depends on what the user does there.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use pkcs11_bridge_tests::approvals::run_command;
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::{sign_data, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::processes::wait_until;
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken, WRONG_PIN};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

pub const OTHER_ORIGIN: &str = "https://other.example";

pub const CANCELLED: (u16, &str) = (412, "109");
pub const WRONG: (u16, &str) = (412, "106");

/// A token, a user who can be asked, and a bridge that allows two origins.
pub struct DialogFixture {
    pub token: TestToken,
    pub pinentry: Pinentry,
    pub bridge: Bridge,
    pub with_pin: Value,
    pub without_pin: Value,
}

impl DialogFixture {
    pub fn new(config: &str) -> Self {
        let (token, pinentry) = (TestToken::new(), Pinentry::new());
        let setup = Setup::on(&token).origin(OTHER_ORIGIN).pinentry(&pinentry);
        let bridge = setup.config(config).start();
        let with_pin = sign_data(&token, KeyType::P256.id(), "sha256");
        let without_pin = without(&with_pin, "pin");
        Self { token, pinentry, bridge, with_pin, without_pin }
    }

    /// Whether the token reports a wrong PIN since the last right one (`CKF_USER_PIN_COUNT_LOW`).
    pub async fn token_lost_a_try(&self, page: &mut Socket) -> bool {
        let token = page.result("token", json!({ "slot_id": self.token.slot() })).await;
        token["flags"].as_u64().expect("a number") & 0x1_0000 != 0
    }
}

#[tokio::test]
async fn the_right_pin_signs_and_later_calls_need_no_dialog() {
    let fixture = DialogFixture::new("");
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut page = fixture.bridge.connect().await;
    for _ in 0..3 {
        page.result("signData", fixture.without_pin.clone()).await;
    }
    fixture.bridge.connect().await.result("signData", fixture.without_pin.clone()).await;
    let dialog = &fixture.pinentry.assert_dialogs(1)[0];
    assert_eq!(dialog.error(), None);
    assert!(!dialog.description().contains("wrong PIN"), "{dialog:?}");
}

#[tokio::test]
async fn the_next_dialog_reports_the_wrong_pin() {
    let fixture = DialogFixture::new("");
    fixture.pinentry.answer(Answer::pin(WRONG_PIN));
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.without_pin.clone()).await;
    let dialogs = fixture.pinentry.assert_dialogs(2);
    assert_eq!(dialogs[0].error(), None);
    assert!(dialogs[1].problem().unwrap().contains("PIN was wrong"), "{dialogs:?}");
    assert_eq!(fixture.pinentry.confirmations(), 1, "the second PIN needs digits first");
    assert!(!fixture.token_lost_a_try(&mut page).await);
}

#[tokio::test]
async fn after_three_wrong_pins_the_call_fails() {
    let fixture = DialogFixture::new("");
    for wrong in [WRONG_PIN, "81726354", "72635445"] {
        fixture.pinentry.answer(Answer::pin(wrong));
    }
    let mut page = fixture.bridge.connect().await;
    let outcome = page.call("signData", fixture.without_pin.clone()).await;
    assert_error("three wrong PINs", &outcome, WRONG, &["Wrong PIN", "Test token"]);
    assert_ckr("three wrong PINs", &outcome, "CKR_PIN_INCORRECT");
    fixture.pinentry.assert_dialogs(3);
    // The bridge asks at once for another origin, and its dialog shows what the token reports.
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", fixture.without_pin.clone()).await;
    let dialogs = fixture.pinentry.assert_dialogs(4);
    assert!(dialogs[3].description().contains("A wrong PIN was entered before"), "{dialogs:?}");
}

#[tokio::test]
async fn parallel_calls_share_one_dialog_and_its_outcome() {
    for (answer, expected) in [(Answer::cancel(), Some(CANCELLED)), (Answer::pin(PIN), None)] {
        let fixture = DialogFixture::new("");
        let held = fixture.pinentry.answer(answer.held());
        let mut page = fixture.bridge.connect().await;
        let mut open: HashSet<u64> = page.request_many("signData", &fixture.without_pin, 20).await;
        held.opened();
        // Calls that need no PIN continue.
        let mut second = fixture.bridge.connect().await;
        second.result("slots", json!({})).await;
        held.release();
        while !open.is_empty() {
            let (id, outcome) = page.reply().await;
            assert!(open.remove(&id.as_u64().unwrap()), "a second reply to {id}");
            match expected {
                Some(expected) => assert_error("one of many", &outcome, expected, &["cancelled"]),
                None => drop(outcome.expect("a signature")),
            }
        }
        fixture.pinentry.assert_dialogs(1);
        if expected.is_some() {
            // A new call opens a new dialog.
            fixture.pinentry.answer(Answer::pin(PIN));
            page.result("signData", fixture.without_pin.clone()).await;
            fixture.pinentry.assert_dialogs(2);
        }
    }
}

#[tokio::test]
async fn an_unanswered_dialog_times_out() {
    let fixture = DialogFixture::new("dialog_seconds = 1");
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    for (page, answer) in [(&mut page, Answer::pin(PIN).held()), (&mut other, Answer::hang())] {
        fixture.pinentry.answer(answer);
        let outcome = page.call("signData", fixture.without_pin.clone()).await;
        assert_error("no PIN", &outcome, (408, "110"), &["within 1 s", "try again"]);
    }
    let dialogs = fixture.pinentry.assert_dialogs(2);
    assert_eq!(dialogs[0].timeout(), Some(Duration::from_secs(1)));
    fixture.pinentry.expect_no_process();
    assert!(!fixture.token_lost_a_try(&mut page).await);
}

#[tokio::test]
async fn two_cancelled_dialogs_silence_the_site() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    for _ in 0..2 {
        fixture.pinentry.answer(Answer::cancel());
        let outcome = page.call("signData", fixture.without_pin.clone()).await;
        assert_error("a cancelled dialog", &outcome, CANCELLED, &["cancelled"]);
    }
    let words = ["twice", "for 10 min", "pkcs11-bridge origins allow https://app.example"];
    let mut again = fixture.bridge.connect().await;
    for page in [&mut page, &mut again] {
        let outcome = page.call("signData", fixture.without_pin.clone()).await;
        assert_error("silence", &outcome, CANCELLED, &words);
    }
    fixture.pinentry.assert_dialogs(2);
    // Other sites are asked for their PIN, and so is this one once the user says so.
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", fixture.without_pin.clone()).await;
    tokio::time::sleep(Duration::from_millis(1100)).await;
    run_command(fixture.bridge.home(), &["allow", ORIGIN]);
    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", fixture.without_pin.clone()).await;
    fixture.pinentry.assert_dialogs(4);
}

#[tokio::test]
async fn a_failing_pinentry_is_reported_with_what_to_install() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let start = Instant::now();
    for answer in [
        Answer::exit(),
        Answer::exit().at_start(),
        Answer::killed(),
        Answer::no_display(),
        Answer::binary(),
        Answer::invalid_utf8(),
    ] {
        fixture.pinentry.answer(answer);
        let outcome = page.call("signData", fixture.without_pin.clone()).await;
        let words = ["`pin` is missing", "Test token", "Install a pinentry", "pass `pin`"];
        assert_error("no pinentry", &outcome, (400, "801"), &words);
    }
    page.result("signData", fixture.with_pin.clone()).await;
    // No dialog was shown, so the page's pauses do not grow.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn an_empty_pin_cancels_and_text_for_another_window_is_thrown_away() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(""));
    let outcome = page.call("signData", fixture.without_pin.clone()).await;
    assert_error("an empty PIN", &outcome, CANCELLED, &["cancelled"]);

    fixture.pinentry.answer(Answer::pin("81726354").instantly());
    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", fixture.without_pin.clone()).await;
    let dialogs = fixture.pinentry.assert_dialogs(3);
    assert!(dialogs[2].error().is_some_and(|error| error.contains("thrown away")), "{dialogs:?}");
    assert!(!fixture.token_lost_a_try(&mut page).await, "it was sent");
}

#[tokio::test]
async fn a_pin_of_a_megabyte_is_rejected() {
    let fixture = DialogFixture::new("");
    fixture.pinentry.answer(Answer::megabyte());
    let mut page = fixture.bridge.connect().await;
    let outcome = page.call("signData", fixture.without_pin.clone()).await;
    assert!(outcome.is_err(), "it signed");
    assert!(!fixture.token_lost_a_try(&mut page).await);
    page.result("signData", fixture.with_pin.clone()).await;
}

#[tokio::test]
async fn a_dialog_closes_when_its_page_leaves() {
    let fixture = DialogFixture::new("");
    let held = fixture.pinentry.answer(Answer::pin(PIN).held());
    let mut page = fixture.bridge.connect().await;
    page.request("signData", fixture.without_pin.clone()).await;
    held.opened();
    page.close().await;
    assert!(wait_until(STOP_LIMIT, || fixture.pinentry.processes().is_empty()), "it stays open");
    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.bridge.connect().await.result("signData", fixture.without_pin.clone()).await;
    fixture.pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn a_stopping_bridge_closes_its_pin_dialog() {
    for answer in [Answer::pin(PIN).held(), Answer::hang()] {
        let DialogFixture { pinentry, bridge, without_pin, token: _token, .. } =
            DialogFixture::new("");
        let scripted = pinentry.answer(answer);
        let mut page = bridge.connect().await;
        page.request("signData", without_pin).await;
        scripted.opened();
        let stopping = spawn_blocking(move || bridge.stop_with(Signal::TERM));
        assert!(page.reply().await.1.is_err());
        assert_eq!(page.close_code().await, 1001);
        drop(page);
        assert_eq!(stopping.await.unwrap().code, Some(0));
        pinentry.expect_no_process();
    }
}
