//! The bridge counts each PIN before it sends it. At most two wrong PINs of pages reach a token,
//! whatever the token says and returns.

use cryptoki_sys::{
    CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY,
    CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_PIN_EXPIRED, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE,
    CKR_USER_ALREADY_LOGGED_IN, CKR_VENDOR_DEFINED,
};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::test_module::{Fault, Rule};
use pkcs11_bridge_tests::token::PIN;

use super::pin_fixture::{LAST_TRY, OTHER, PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN, wrong_pin};

/// The flags of a token that tells nothing of its tries.
pub const TRY_FLAGS: u64 = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;

/// SoftHSM2 says that a wrong PIN came, and never that one try is left.
#[tokio::test]
async fn a_token_that_counts_without_a_final_try_gets_one_wrong_pin_of_pages() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER).await;
    let outcome = fixture.sign_with(&mut page, &wrong_pin(1)).await;
    assert_error("the first wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    for page in [&mut page, &mut other] {
        for pin in [&wrong_pin(2), &wrong_pin(3), PIN] {
            let outcome = fixture.sign_with(page, pin).await;
            assert_error("a PIN after it", &outcome, LAST_TRY, &["wrong PIN", "desktop"]);
        }
    }
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
    fixture.assert_signed("the page's PIN", &fixture.sign_with(&mut other, PIN).await);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN, RIGHT_LOGIN, RIGHT_LOGIN]);
}

#[tokio::test]
async fn two_wrong_pins_of_pages_reach_the_token_whatever_it_returns() {
    for ckr in [
        CKR_PIN_INVALID,
        CKR_PIN_LEN_RANGE,
        CKR_PIN_EXPIRED,
        CKR_GENERAL_ERROR,
        CKR_DEVICE_ERROR,
        CKR_FUNCTION_FAILED,
        CKR_USER_ALREADY_LOGGED_IN,
        CKR_VENDOR_DEFINED | 7,
    ] {
        let fixture = PinFixture::new();
        fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
        let rule = fixture.module.add(Rule::on("C_Login").fail_after(ckr));
        let mut page = fixture.bridge.connect().await;
        let mut other = fixture.bridge.connect_as(OTHER).await;
        for number in 0..3 {
            for page in [&mut page, &mut other] {
                let outcome = fixture.sign_with(page, &wrong_pin(number)).await;
                outcome.expect_err("a wrong PIN");
            }
        }
        assert_eq!(fixture.module.logins().len(), 2, "{ckr:#x}");
        let outcome = fixture.sign_with(&mut page, PIN).await;
        assert_error("the right PIN", &outcome, LAST_TRY, &["did not accept", "desktop"]);

        rule.remove();
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
        fixture.assert_signed("the page's PIN", &fixture.sign_with(&mut other, PIN).await);
    }
}

/// The module never returns from the login, so nobody knows whether the token judged the PIN.
#[tokio::test]
async fn two_pins_of_pages_reach_a_module_that_crashes_or_hangs_over_them() {
    for fault in [Fault::Segfault, Fault::Hang] {
        let fixture = PinFixture::configured("sign_deadline_seconds = 1");
        fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
        fixture.module.add(Rule::on("C_Login").fault(fault.clone()));
        let mut page = fixture.bridge.connect().await;
        let mut other = fixture.bridge.connect_as(OTHER).await;
        for page in [&mut page, &mut other] {
            for number in 0..2 {
                let outcome = fixture.sign_with(page, &wrong_pin(number)).await;
                outcome.expect_err("a wrong PIN");
            }
        }
        assert_eq!(fixture.module.blocked("C_Login"), 2, "{fault:?}");
        let outcome = fixture.sign_with(&mut page, PIN).await;
        assert_error(&format!("{fault:?}"), &outcome, LAST_TRY, &["did not accept", "desktop"]);
    }
}

/// The user's wrong PINs take the tries of the same card.
#[tokio::test]
async fn wrong_pins_of_the_user_count_for_pages_too() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    for number in 1..=2 {
        fixture.pinentry.answer(Answer::pin(&wrong_pin(number)));
    }
    fixture.pinentry.answer(Answer::cancel());
    fixture.sign(&mut page).await.expect_err("a cancelled dialog");
    let mut other = fixture.bridge.connect_as(OTHER).await;
    let outcome = fixture.sign_with(&mut other, &wrong_pin(3)).await;
    assert_error("a PIN of a page", &outcome, LAST_TRY, &["did not accept"]);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);
}

/// A right PIN, or a PIN that was not sent, takes no try.
#[tokio::test]
async fn right_and_unsent_pins_take_no_try() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    fixture.sign_with(&mut page, &wrong_pin(1)).await.expect_err("a wrong PIN");
    // The module fails before the login. The worker stays, because it may work again.
    let rule = fixture.module.add(Rule::on("C_GetSessionInfo").fail_before(CKR_DEVICE_MEMORY));
    for _ in 0..3 {
        fixture.sign_with(&mut page, &wrong_pin(2)).await.expect_err("a failing module");
    }
    rule.remove();
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);
    for _ in 0..3 {
        fixture.assert_signed("the right PIN", &fixture.sign_with(&mut page, PIN).await);
    }
    for number in 3..=4 {
        let outcome = fixture.sign_with(&mut page, &wrong_pin(number)).await;
        assert_error("two wrong PINs", &outcome, WRONG, &["Wrong PIN"]);
    }
    let outcome = fixture.sign_with(&mut page, &wrong_pin(5)).await;
    assert_error("a third wrong PIN", &outcome, LAST_TRY, &["did not accept"]);
    let expected = [WRONG_LOGIN, RIGHT_LOGIN, WRONG_LOGIN, WRONG_LOGIN];
    assert_eq!(fixture.login_results(), expected);
}
