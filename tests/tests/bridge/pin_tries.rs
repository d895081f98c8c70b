//! The tries of a token: a page cannot use the last one, and the dialog warns the user
//! of it. The bridge does not try a locked PIN.

use std::time::Duration;

use cryptoki_sys::{
    CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKR_DEVICE_REMOVED,
    CKR_PIN_LOCKED,
};
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::{Answer, Kind};
use pkcs11_bridge_tests::test_module::{Fault, Pinpad, Rule};
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};
use tokio::time::sleep;

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{
    LAST_TRY, LOCKED, OTHER, PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN, wrong_pin,
};

/// A fixture whose token has this number of tries. It says only when one is left.
fn fixture_with_tries(tries: u32) -> PinFixture {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| {
        token.tries = Some(tries);
        token.clear_flags = CKF_USER_PIN_COUNT_LOW;
    });
    fixture
}

#[tokio::test]
async fn the_last_try_is_for_the_user_only() {
    let fixture = fixture_with_tries(3);
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, &wrong_pin(1)).await;
    assert_error("the first wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    let outcome = fixture.sign_with(&mut page, &wrong_pin(2)).await;
    assert_error("the second wrong PIN", &outcome, LAST_TRY, &["one try is left"]);
    assert_ckr("the second wrong PIN", &outcome, "CKR_PIN_INCORRECT");

    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("the right PIN", &outcome, LAST_TRY, &["desktop"]);
    page.close().await;
    fixture.bridge.expect_workers(0);
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER).await;
    for (what, page) in [("a new page", &mut page), ("another origin", &mut other)] {
        for pin in [PIN, &wrong_pin(3)] {
            assert_error(what, &fixture.sign_with(page, pin).await, LAST_TRY, &["desktop"]);
        }
    }
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);
    fixture.pinentry.assert_dialogs(0);

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
    let dialogs = fixture.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("Last try"), "{dialogs:#?}");
    assert_eq!(fixture.login_results(), [WRONG_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);

    // All tries are available again.
    let outcome = fixture.sign_with(&mut other, WRONG_PIN).await;
    assert_error("a wrong PIN after it", &outcome, WRONG, &["Wrong PIN"]);
    fixture.module.assert_logins(4);
}

#[tokio::test]
async fn a_wrong_pin_at_the_last_try_locks_and_ends_the_dialogs() {
    let fixture = fixture_with_tries(1);
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("a PIN of the page", &outcome, LAST_TRY, &["desktop"]);
    fixture.module.assert_logins(0);

    fixture.pinentry.answer(Answer::pin(WRONG_PIN));
    let outcome = fixture.sign(&mut page).await;
    assert_error("the last try", &outcome, LOCKED, &["locked"]);
    let dialogs = fixture.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("Last try"), "{dialogs:#?}");

    let mut other = fixture.bridge.connect_as(OTHER).await;
    for page in [&mut page, &mut other] {
        assert_error("a locked PIN", &fixture.sign(page).await, LOCKED, &["Unlock"]);
        assert_error("a locked PIN", &fixture.sign_with(page, PIN).await, LOCKED, &["Unlock"]);
        let batch = page.call("signDataBatch", fixture.batch(3)).await;
        assert_error("a batch", &batch, LOCKED, &["Unlock"]);
    }
    fixture.pinentry.assert_dialogs(1);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);
    assert_eq!(fixture.module.count("C_Login"), 1);
}

#[tokio::test]
async fn the_dialog_asks_again_before_other_calls_get_their_turn() {
    let fixture = fixture_with_tries(5);
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER).await;
    let first = fixture.pinentry.answer(Answer::pin(&wrong_pin(1)).held());
    for _ in 0..2 {
        fixture.pinentry.answer(Answer::pin(PIN));
    }
    page.request("signData", fixture.without_pin()).await;
    first.opened();
    other.request("signData", fixture.without_pin()).await;
    // The other call waits for its turn.
    fixture.module.wait_for("C_GetTokenInfo", 2);
    first.release();
    fixture.assert_signed("the first", &page.reply().await.1);
    fixture.assert_signed("the other", &other.reply().await.1);

    let dialogs = fixture.pinentry.assert_dialogs(3);
    for (dialog, origin) in dialogs.iter().zip([ORIGIN, ORIGIN, OTHER]) {
        assert!(dialog.description().contains(origin), "{dialogs:#?}");
        assert_eq!(dialog.kind, Kind::Pin);
    }
    assert!(dialogs[1].problem().expect("a problem").contains("PIN was wrong"), "{dialogs:#?}");
    assert_eq!((dialogs[0].error(), dialogs[2].error()), (None, None));
    assert_eq!(fixture.login_results(), [WRONG_LOGIN, RIGHT_LOGIN, RIGHT_LOGIN]);
}

#[tokio::test]
async fn the_dialog_does_not_ask_again_when_one_try_is_left() {
    let fixture = fixture_with_tries(3);
    let mut page = fixture.bridge.connect().await;
    for number in 1..=2 {
        fixture.pinentry.answer(Answer::pin(&wrong_pin(number)));
    }
    let outcome = fixture.sign(&mut page).await;
    assert_error("two wrong PINs", &outcome, LAST_TRY, &["one try is left"]);
    fixture.pinentry.assert_dialogs(2);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the right PIN", &fixture.sign(&mut page).await);
    let dialogs = fixture.pinentry.assert_dialogs(3);
    let warns = |at: usize| dialogs[at].description().contains("Last try");
    assert_eq!([0, 1, 2].map(warns), [false, false, true], "{dialogs:#?}");
}

/// While the user types, a page of another origin uses tries.
#[tokio::test]
async fn the_user_is_warned_when_the_last_try_is_reached_meanwhile() {
    let fixture = fixture_with_tries(3);
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER).await;
    let held = fixture.pinentry.answer(Answer::pin(&wrong_pin(3)).held());
    page.request("signData", fixture.without_pin()).await;
    held.opened();
    for number in 1..=2 {
        fixture.sign_with(&mut other, &wrong_pin(number)).await.expect_err("a wrong PIN");
    }
    fixture.pinentry.answer(Answer::pin(PIN));
    held.release();
    fixture.assert_signed("the user's PIN", &page.reply().await.1);
    let dialogs = fixture.pinentry.assert_dialogs(2);
    let warns = |at: usize| dialogs[at].description().contains("Last try");
    assert_eq!([0, 1].map(warns), [false, true], "{dialogs:#?}");
    assert_eq!(fixture.login_results(), [WRONG_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
}

/// Each call sees two tries left.
#[tokio::test]
async fn parallel_pages_of_two_origins_cannot_use_the_last_try() {
    let fixture = fixture_with_tries(2);
    let mut pages = [fixture.bridge.connect().await, fixture.bridge.connect_as(OTHER).await];
    let held = fixture.module.add(Rule::on("C_Login").held());
    for (page, number) in pages.iter_mut().zip(1..) {
        page.request("signData", with(&fixture.with_pin(), "pin", wrong_pin(number))).await;
        fixture.module.wait_until_blocked("C_Login", 1);
    }
    // The other origin also gets as far as possible.
    fixture.module.wait_for("C_GetTokenInfo", 3);
    sleep(Duration::from_millis(300)).await;
    held.release();
    for page in &mut pages {
        assert_error("at once", &page.reply().await.1, LAST_TRY, &["one try"]);
    }
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);
}

#[tokio::test]
async fn a_locked_token_gets_no_login_and_the_user_no_dialog() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    for pinpad in [None, Some(Pinpad::typing(PIN))] {
        fixture.module.simulate(|token| {
            token.set_flags = CKF_USER_PIN_LOCKED;
            token.pinpad = pinpad;
        });
        for outcome in [fixture.sign_with(&mut page, PIN).await, fixture.sign(&mut page).await] {
            assert_error("a locked token", &outcome, LOCKED, &["Unlock"]);
            assert_ckr("a locked token", &outcome, "CKR_PIN_LOCKED");
        }
    }
    assert_eq!(fixture.module.count("C_Login"), 0);
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_locked_token_that_reports_no_tries_is_recognised() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| {
        token.tries = Some(2);
        token.clear_flags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    });
    let mut page = fixture.bridge.connect().await;
    for number in 1..=3 {
        fixture.pinentry.answer(Answer::pin(&wrong_pin(number)));
    }
    let outcome = fixture.sign(&mut page).await;
    assert_error("the third wrong PIN", &outcome, LOCKED, &["locked"]);
    fixture.pinentry.assert_dialogs(3);
    let logins = fixture.module.calls_of("C_Login");
    assert_eq!(logins.last().expect("a login").result, CKR_PIN_LOCKED);
    assert_eq!(logins.len(), 3);
}

/// The token has accepted the PIN before the module fails.
#[tokio::test]
async fn a_right_pin_takes_no_try_if_the_module_then_crashes_or_hangs() {
    for (function, fault, lines) in [
        ("C_Sign", Fault::Segfault, ""),
        ("C_SignInit", Fault::Segfault, ""),
        // Long enough for a signature on a busy machine.
        ("C_Sign", Fault::Hang, "sign_deadline_seconds = 4"),
    ] {
        let fixture = PinFixture::configured(lines);
        fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
        let rule = fixture.module.add(Rule::on(function).fault(fault.clone()));
        let mut page = fixture.bridge.connect().await;
        let mut other = fixture.bridge.connect_as(OTHER).await;
        for page in [&mut page, &mut other] {
            for _ in 0..2 {
                fixture.sign_with(page, PIN).await.expect_err("a failing module");
            }
        }
        rule.remove();
        let outcome = fixture.sign_with(&mut page, PIN).await;
        fixture.assert_signed(&format!("{function}, {fault:?}"), &outcome);
        assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 5]);
    }
}

/// The worker loses its login, and sends the PIN once more. The second time is a try of its own.
#[tokio::test]
async fn each_time_that_a_pin_is_sent_takes_a_try() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut pages = [fixture.bridge.connect().await, fixture.bridge.connect_as(OTHER).await];
    for page in &mut pages {
        let lost = fixture.module.add(Rule::on("C_Sign").fail_before(CKR_DEVICE_REMOVED));
        let crash = fixture.module.add(Rule::on("C_Login").nth(2).fault(Fault::Segfault));
        fixture.sign_with(page, PIN).await.expect_err("a crash over the second login");
        lost.remove();
        crash.remove();
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 2]);
    assert_eq!(fixture.module.blocked("C_Login"), 2);
    let outcome = fixture.sign_with(&mut pages[0], PIN).await;
    assert_error("a third time", &outcome, LAST_TRY, &["did not accept"]);
}
