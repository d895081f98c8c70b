//! A PIN whose length the token does not take by its own limits. A page's PIN does not reach the
//! token and uses no try. The user's PIN does if the user confirms it, because modules misreport
//! these limits.

use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::pinentry::{Answer, Kind};
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

/// The token's own minimum is wrong: the right PIN is shorter.
#[tokio::test]
async fn the_users_pin_of_a_wrong_length_is_tried_once_confirmed() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.pinentry.answer(Answer::allow());
    fixture.assert_signed("a confirmed PIN", &fixture.sign(&mut page).await);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    let dialogs = fixture.pinentry.assert_dialogs(2);
    let question = dialogs[1].description();
    assert_eq!(dialogs[1].kind, Kind::Confirmation);
    assert!(question.contains("8 bytes") && question.contains("10 to 12 bytes"), "{question}");
}

#[tokio::test]
async fn the_dialog_asks_again_for_an_empty_pin_and_for_one_that_is_not_confirmed() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(""));
    for pin in [PIN, &too_long(), PIN] {
        fixture.pinentry.answer(Answer::pin(pin));
        fixture.pinentry.answer(Answer::deny());
    }
    let outcome = fixture.sign(&mut page).await;
    assert_error("no PIN is confirmed", &outcome, WRONG, &["No try was lost"]);
    assert_ckr("no PIN is confirmed", &outcome, "CKR_PIN_LEN_RANGE");
    let dialogs = fixture.pinentry.assert_dialogs(7);
    let entries = dialogs.iter().filter(|dialog| dialog.kind == Kind::Pin);
    let errors: Vec<_> = entries.map(|dialog| dialog.error().unwrap_or_default()).collect();
    assert_eq!(errors[0], "");
    for (error, word) in errors[1..].iter().zip(["Enter the PIN", "shorter than 10", "longer than"])
    {
        assert!(error.contains(word), "no `{word}`: {errors:?}");
    }
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
