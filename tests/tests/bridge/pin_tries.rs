//! The tries of a card: a page cannot use up the last one, the user is told of it, and a PIN that is
//! locked is not tried.

use std::time::Duration;

use cryptoki_sys::{
    CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKR_PIN_LOCKED,
};
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::pinentry::{Answer, Kind};
use pkcs11_bridge_tests::refusal::{assert_ckr, assert_refused};
use pkcs11_bridge_tests::request::with;
use pkcs11_bridge_tests::test_module::{Pinpad, Rule};
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};
use tokio::time::sleep;

use super::desk::{Desk, LAST_TRY, LOCKED, OTHER, RIGHT_LOGIN, WRONG, WRONG_LOGIN, wrong_pin};

/// A desk whose card has so many tries.
fn desk_with_tries(tries: u32) -> Desk {
    let desk = Desk::new();
    desk.module.play(|card| card.tries = Some(tries));
    desk
}

#[tokio::test]
async fn a_page_can_try_until_one_try_is_left_and_the_user_then() {
    let desk = desk_with_tries(3);
    let mut page = desk.bridge.connect().await;
    let outcome = desk.sign_with(&mut page, &wrong_pin(1)).await;
    assert_refused("the first wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    let outcome = desk.sign_with(&mut page, &wrong_pin(2)).await;
    assert_refused("the second wrong PIN", &outcome, LAST_TRY, &["one try is left"]);
    assert_ckr("the second wrong PIN", &outcome, "CKR_PIN_INCORRECT");

    let outcome = desk.sign_with(&mut page, PIN).await;
    assert_refused("the right PIN", &outcome, LAST_TRY, &["desktop"]);
    page.close().await;
    desk.bridge.expect_workers(0);
    let mut page = desk.bridge.connect().await;
    let mut other = desk.bridge.connect_as(OTHER).await;
    for (what, page) in [("a page that came anew", &mut page), ("another origin", &mut other)] {
        for pin in [PIN, &wrong_pin(3)] {
            assert_refused(what, &desk.sign_with(page, pin).await, LAST_TRY, &["desktop"]);
        }
    }
    assert_eq!(desk.judged(), [WRONG_LOGIN; 2]);
    desk.pinentry.assert_dialogs(0);

    desk.pinentry.answer(Answer::pin(PIN));
    desk.assert_signed("the user's PIN", &desk.sign(&mut page).await);
    let dialogs = desk.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("LAST TRY"), "{dialogs:#?}");
    assert_eq!(desk.judged(), [WRONG_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);

    // All tries are there again.
    let outcome = desk.sign_with(&mut other, WRONG_PIN).await;
    assert_refused("a wrong PIN after it", &outcome, WRONG, &["Wrong PIN"]);
    desk.module.assert_logins(4);
}

#[tokio::test]
async fn a_wrong_pin_of_the_user_at_the_last_try_locks_and_nobody_is_asked_again() {
    let desk = desk_with_tries(1);
    let mut page = desk.bridge.connect().await;
    let outcome = desk.sign_with(&mut page, PIN).await;
    assert_refused("a PIN of the page", &outcome, LAST_TRY, &["desktop"]);
    desk.module.assert_logins(0);

    desk.pinentry.answer(Answer::pin(WRONG_PIN));
    let outcome = desk.sign(&mut page).await;
    assert_refused("the last try", &outcome, LOCKED, &["locked"]);
    let dialogs = desk.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("LAST TRY"), "{dialogs:#?}");

    let mut other = desk.bridge.connect_as(OTHER).await;
    for page in [&mut page, &mut other] {
        assert_refused("a locked PIN", &desk.sign(page).await, LOCKED, &["Unlock"]);
        assert_refused("a locked PIN", &desk.sign_with(page, PIN).await, LOCKED, &["Unlock"]);
        let batch = page.call("signDataBatch", desk.batch(3)).await;
        assert_refused("a batch", &batch, LOCKED, &["Unlock"]);
    }
    desk.pinentry.assert_dialogs(1);
    assert_eq!(desk.judged(), [WRONG_LOGIN]);
    assert_eq!(desk.module.count("C_Login"), 1);
}

#[tokio::test]
async fn a_wrong_pin_in_the_dialog_is_asked_for_again_in_the_same_turn() {
    let desk = desk_with_tries(5);
    let mut page = desk.bridge.connect().await;
    let mut other = desk.bridge.connect_as(OTHER).await;
    let first = desk.pinentry.answer(Answer::pin(&wrong_pin(1)).held());
    for _ in 0..2 {
        desk.pinentry.answer(Answer::pin(PIN));
    }
    page.request("signData", desk.without_pin()).await;
    first.opened();
    other.request("signData", desk.without_pin()).await;
    // By now the other one waits for its turn.
    desk.module.wait_for("C_GetTokenInfo", 4);
    first.release();
    desk.assert_signed("the first", &page.reply().await.1);
    desk.assert_signed("the other", &other.reply().await.1);

    let dialogs = desk.pinentry.assert_dialogs(3);
    for (dialog, origin) in dialogs.iter().zip([ORIGIN, ORIGIN, OTHER]) {
        assert!(dialog.description().contains(origin), "{dialogs:#?}");
        assert_eq!(dialog.kind, Kind::Pin);
    }
    assert!(dialogs[1].error().expect("an error").contains("Wrong PIN"), "{dialogs:#?}");
    assert_eq!((dialogs[0].error(), dialogs[2].error()), (None, None));
    assert_eq!(desk.judged(), [WRONG_LOGIN, RIGHT_LOGIN, RIGHT_LOGIN]);
}

#[tokio::test]
async fn the_dialog_does_not_ask_again_when_one_try_is_left() {
    let desk = desk_with_tries(3);
    let mut page = desk.bridge.connect().await;
    for number in 1..=2 {
        desk.pinentry.answer(Answer::pin(&wrong_pin(number)));
    }
    let outcome = desk.sign(&mut page).await;
    assert_refused("two wrong PINs", &outcome, LAST_TRY, &["one try is left"]);
    desk.pinentry.assert_dialogs(2);
    assert_eq!(desk.judged(), [WRONG_LOGIN; 2]);

    desk.pinentry.answer(Answer::pin(PIN));
    desk.assert_signed("the right PIN", &desk.sign(&mut page).await);
    let dialogs = desk.pinentry.assert_dialogs(3);
    let warns = |at: usize| dialogs[at].description().contains("LAST TRY");
    assert_eq!([0, 1, 2].map(warns), [false, false, true], "{dialogs:#?}");
}

/// While the user types, a page of another origin uses up tries.
#[tokio::test]
async fn a_try_that_has_become_the_last_is_not_used_up_before_the_user_is_told() {
    let desk = desk_with_tries(3);
    let mut page = desk.bridge.connect().await;
    let mut other = desk.bridge.connect_as(OTHER).await;
    let held = desk.pinentry.answer(Answer::pin(&wrong_pin(3)).held());
    page.request("signData", desk.without_pin()).await;
    held.opened();
    for number in 1..=2 {
        desk.sign_with(&mut other, &wrong_pin(number)).await.expect_err("a wrong PIN");
    }
    desk.pinentry.answer(Answer::pin(PIN));
    held.release();
    desk.assert_signed("the user's PIN", &page.reply().await.1);
    let dialogs = desk.pinentry.assert_dialogs(2);
    let warns = |at: usize| dialogs[at].description().contains("LAST TRY");
    assert_eq!([0, 1].map(warns), [false, true], "{dialogs:#?}");
    assert_eq!(desk.judged(), [WRONG_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
}

/// Each of them sees that two tries are left.
#[tokio::test]
async fn pages_of_two_origins_at_once_cannot_use_up_the_last_try() {
    let desk = desk_with_tries(2);
    let mut pages = [desk.bridge.connect().await, desk.bridge.connect_as(OTHER).await];
    let held = desk.module.add(Rule::on("C_Login").held());
    for (page, number) in pages.iter_mut().zip(1..) {
        page.request("signData", with(&desk.with_pin(), "pin", wrong_pin(number))).await;
        desk.module.wait_until_waiting("C_Login", 1);
    }
    // The other one, too, gets as far as it can.
    desk.module.wait_for("C_GetTokenInfo", 4);
    sleep(Duration::from_millis(300)).await;
    held.release();
    for page in &mut pages {
        assert_refused("at once", &page.reply().await.1, LAST_TRY, &["one try"]);
    }
    assert_eq!(desk.judged(), [WRONG_LOGIN]);
}

#[tokio::test]
async fn a_locked_token_gets_no_login_and_the_user_no_dialog() {
    let desk = Desk::new();
    let mut page = desk.bridge.connect().await;
    for pinpad in [None, Some(Pinpad::typing(PIN))] {
        desk.module.play(|card| {
            card.set_flags = CKF_USER_PIN_LOCKED;
            card.pinpad = pinpad;
        });
        for outcome in [desk.sign_with(&mut page, PIN).await, desk.sign(&mut page).await] {
            assert_refused("a locked token", &outcome, LOCKED, &["Unlock"]);
            assert_ckr("a locked token", &outcome, "CKR_PIN_LOCKED");
        }
    }
    assert_eq!(desk.module.count("C_Login"), 0);
    desk.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_token_that_does_not_tell_its_tries_is_believed_when_it_is_locked() {
    let desk = Desk::new();
    desk.module.play(|card| {
        card.tries = Some(2);
        card.clear_flags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    });
    let mut page = desk.bridge.connect().await;
    for number in 1..=3 {
        desk.pinentry.answer(Answer::pin(&wrong_pin(number)));
    }
    let outcome = desk.sign(&mut page).await;
    assert_refused("the third wrong PIN", &outcome, LOCKED, &["locked"]);
    desk.pinentry.assert_dialogs(3);
    let logins = desk.module.calls_of("C_Login");
    assert_eq!(logins.last().expect("a login").result, CKR_PIN_LOCKED);
    assert_eq!(logins.len(), 3);
}
