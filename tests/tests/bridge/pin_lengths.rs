//! A PIN whose length the token does not take by its own limits. A page's PIN does not reach the
//! token and uses no try. The user's PIN does if the user confirms it, because modules misreport
//! these limits.

use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::PIN;

use super::pin_fixture::{CANCELLED, PinFixture, RIGHT_LOGIN, WRONG, wrong_pin};

/// A fixture whose token takes PINs of 10 to 12 digits.
fn fixture() -> PinFixture {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| (token.min_pin_len, token.max_pin_len) = (Some(10), Some(12)));
    fixture
}

fn too_long() -> String {
    wrong_pin(1) + "83726"
}

#[tokio::test]
async fn a_pages_pin_of_a_wrong_length_is_not_tried() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    for (what, pin, words) in [
        ("an empty PIN", "", ["empty", "No try was lost"]),
        ("a short PIN", PIN, ["shorter than 10", "No try was lost"]),
        ("a long PIN", &too_long(), ["longer than 12", "No try was lost"]),
    ] {
        let outcome = fixture.sign_with(&mut page, pin).await;
        assert_error(what, &outcome, WRONG, &words);
        assert_ckr(what, &outcome, "CKR_PIN_LEN_RANGE");
    }
    assert_eq!(fixture.module.count("C_Login"), 0);

    fixture.module.stop_simulation();
    fixture.assert_signed("the right PIN", &fixture.sign_with(&mut page, PIN).await);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}

/// Modules misreport these lengths, so the user decides.
#[tokio::test]
async fn a_users_pin_of_another_length_is_tried_after_a_confirmation() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    for answer in [Answer::pin(&too_long()), Answer::cancel(), Answer::pin(PIN)] {
        fixture.pinentry.answer(answer);
    }
    let confirmation = fixture.pinentry.answer(Answer::digits().held());
    page.request("signData", fixture.without_pin()).await;
    confirmation.opened();
    assert_eq!(fixture.module.count("C_Login"), 0);
    confirmation.release();
    fixture.assert_signed("the right PIN", &page.reply().await.1);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    let dialogs = fixture.pinentry.assert_dialogs(4);
    for (at, words) in [(1, "at most 12"), (3, "at least 10")] {
        let error = dialogs[at].error().unwrap_or_default();
        assert!(error.contains(words), "no `{words}`: {dialogs:#?}");
    }
}

#[tokio::test]
async fn pins_that_the_user_does_not_confirm_use_no_try() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    for pin in [PIN, &too_long(), PIN] {
        fixture.pinentry.answer(Answer::pin(pin));
        fixture.pinentry.answer(Answer::cancel());
    }
    let outcome = fixture.sign(&mut page).await;
    assert_error("three short and long PINs", &outcome, CANCELLED, &["cancelled"]);
    fixture.pinentry.assert_dialogs(6);
    assert_eq!(fixture.module.count("C_Login"), 0);
}

#[tokio::test]
async fn lengths_that_make_no_sense_allow_any_pin_but_an_empty_one() {
    const UNAVAILABLE: u64 = u64::MAX;
    for (min, max) in [
        (0, 0),
        (12, 4),
        (UNAVAILABLE, UNAVAILABLE),
        (4, UNAVAILABLE),
        (UNAVAILABLE, 32),
        (u32::MAX.into(), u32::MAX.into()),
    ] {
        let fixture = PinFixture::new();
        fixture
            .module
            .simulate(|token| (token.min_pin_len, token.max_pin_len) = (Some(min), Some(max)));
        let what = format!("{min} to {max}");
        let mut page = fixture.bridge.connect().await;
        let outcome = fixture.sign_with(&mut page, "").await;
        assert_error(&what, &outcome, WRONG, &["empty"]);
        assert_eq!(fixture.module.count("C_Login"), 0);
        fixture.assert_signed(&what, &fixture.sign_with(&mut page, PIN).await);
    }
}
