//! Wrong PINs and last tries with keys that need the PIN for each signature.

use cryptoki_sys::{CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};
use serde_json::json;

use super::always_authenticate::Case;
use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{
    LAST_TRY, PinFixture, RIGHT_FOR_ONE, RIGHT_LOGIN, WRONG, WRONG_FOR_ONE, WRONG_LOGIN,
};

#[tokio::test]
async fn a_wrong_pin_of_the_user_signs_nothing_and_keeps_the_login() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    case.assert_signed("the login", &page.call("signData", case.with_pin()).await);
    for pin in [WRONG_PIN, PIN] {
        fixture.pinentry.answer(Answer::pin(pin));
    }
    case.assert_signed("wrong, then right", &page.call("signData", case.without_pin()).await);
    let dialogs = fixture.pinentry.assert_dialogs(2);
    assert!(dialogs[1].problem().expect("a problem").contains("PIN was wrong"), "{dialogs:#?}");
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE, WRONG_FOR_ONE, RIGHT_FOR_ONE]);

    // The sessions remain usable, whichever session the next signature gets.
    page.request_many("signData", &fixture.with_pin(), 12).await;
    for _ in 0..12 {
        fixture.assert_signed("another key again", &page.reply().await.1);
    }
    case.assert_signed("the page's PIN", &page.call("signData", case.with_pin()).await);
    assert_eq!(fixture.module.count("C_Sign"), 15);
    assert_eq!(fixture.module.count("C_Logout"), 0);
    assert_eq!(fixture.login_results().len(), 5);
}

#[tokio::test]
async fn a_wrong_pin_of_the_page_uses_one_try_and_signs_nothing() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    case.assert_signed("the right PIN", &page.call("signData", case.with_pin()).await);
    let wrong = with(&case.with_pin(), "pin", WRONG_PIN);
    let outcome = page.call("signData", wrong).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    // The PIN differs from the PIN of the login, so the token judges the login.
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE, WRONG_LOGIN]);
    assert_eq!(fixture.module.count("C_Sign"), 1);
    let outcome = page.call("signData", case.with_pin()).await;
    assert_error("the right PIN again", &outcome, LAST_TRY, &["wrong PIN", "desktop"]);
    fixture.pinentry.answer(Answer::pin(PIN));
    case.assert_signed("the user's PIN", &page.call("signData", case.without_pin()).await);
}

/// On this token the PIN for single signatures differs from the PIN of the login.
#[tokio::test]
async fn a_pin_that_is_wrong_for_single_signatures_uses_one_try_each() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| {
        token.always_authenticate = Some(WRONG_PIN.to_owned());
        token.tries = Some(3);
        token.clear_flags = CKF_USER_PIN_COUNT_LOW;
    });
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("once", &outcome, WRONG, &["Wrong PIN"]);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, WRONG_FOR_ONE]);
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("twice", &outcome, LAST_TRY, &["one try"]);
    assert_error("again", &fixture.sign_with(&mut page, PIN).await, LAST_TRY, &["desktop"]);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, WRONG_FOR_ONE, WRONG_FOR_ONE]);
    assert_eq!(fixture.module.count("C_Sign"), 0);

    fixture.pinentry.answer(Answer::pin(WRONG_PIN));
    fixture.assert_signed("the user", &fixture.sign(&mut page).await);
    assert!(fixture.pinentry.assert_dialogs(1)[0].description().contains("Last try"));
}

#[tokio::test]
async fn a_logged_in_page_cannot_use_the_last_try() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("another key", &fixture.sign_with(&mut page, PIN).await);
    fixture.module.simulate(|token| token.set_flags = CKF_USER_PIN_FINAL_TRY);
    let outcome = page.call("signData", case.with_pin()).await;
    assert_error("the last try", &outcome, LAST_TRY, &["desktop"]);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    // Signatures that need no further PIN are made.
    fixture.assert_signed("another key again", &fixture.sign_with(&mut page, PIN).await);
    fixture.pinentry.answer(Answer::pin(PIN));
    case.assert_signed("the user", &page.call("signData", case.without_pin()).await);
    let dialogs = fixture.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("Last try"), "{dialogs:#?}");
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE]);
}

/// The PIN of the login is right each time. That says nothing of the other PIN.
#[tokio::test]
async fn a_right_login_gives_no_try_of_the_other_pin_back() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| {
        token.always_authenticate = Some(WRONG_PIN.to_owned());
        token.clear_flags = TRY_FLAGS;
    });
    let mut page = fixture.bridge.connect().await;
    for _ in 0..2 {
        let outcome = fixture.sign_with(&mut page, PIN).await;
        assert_error("a PIN that is wrong for the signature", &outcome, WRONG, &["Wrong PIN"]);
        page.result("logout", json!({})).await;
    }
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("a third time", &outcome, LAST_TRY, &["did not accept"]);
    let once = [RIGHT_LOGIN, WRONG_FOR_ONE];
    assert_eq!(fixture.login_results(), [once, once].concat());
}
