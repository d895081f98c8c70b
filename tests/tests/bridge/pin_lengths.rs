//! A PIN whose length the token does not support, by its own limits. It does not reach
//! the token and uses no try.

use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::PIN;

use super::pin_fixture::{PinFixture, RIGHT_LOGIN, WRONG, wrong_pin};

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

#[tokio::test]
async fn the_dialog_reports_a_wrong_length_and_asks_again() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    let answers = ["", PIN, &too_long()].map(|pin| fixture.pinentry.answer(Answer::pin(pin)));
    // The shortest PIN that the bridge sends to the token.
    let right = fixture.pinentry.answer(Answer::pin(PIN).held());
    page.request("signData", fixture.without_pin()).await;
    right.opened();
    fixture.module.stop_simulation();
    right.release();
    fixture.assert_signed("the right PIN", &page.reply().await.1);

    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    assert_eq!(answers.map(|answer| answer.answered().pid).len(), 3);
    let dialogs = fixture.pinentry.assert_dialogs(4);
    let errors: Vec<_> = dialogs.iter().map(|dialog| dialog.error().unwrap_or_default()).collect();
    assert_eq!(errors[0], "");
    for (error, word) in errors[1..].iter().zip(["Enter the PIN", "shorter than 10", "longer than"])
    {
        assert!(error.contains(word), "no `{word}`: {errors:?}");
    }
}

#[tokio::test]
async fn pins_of_a_wrong_length_use_no_try_of_the_user() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    for pin in [PIN, &too_long(), PIN] {
        fixture.pinentry.answer(Answer::pin(pin));
    }
    let outcome = fixture.sign(&mut page).await;
    assert_error("three short and long PINs", &outcome, WRONG, &["No try was lost"]);
    assert_ckr("three short and long PINs", &outcome, "CKR_PIN_LEN_RANGE");
    fixture.pinentry.assert_dialogs(3);
    assert_eq!(fixture.module.count("C_Login"), 0);
}

#[tokio::test]
async fn a_token_without_length_limits_gets_any_pin_but_an_empty_one() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| (token.min_pin_len, token.max_pin_len) = (Some(0), Some(0)));
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, "").await;
    assert_error("an empty PIN", &outcome, WRONG, &["empty"]);
    assert_eq!(fixture.module.count("C_Login"), 0);
    fixture.assert_signed("the right PIN", &fixture.sign_with(&mut page, PIN).await);
}
