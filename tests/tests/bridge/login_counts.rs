//! The number of PINs that reach the token: one login for any number of signatures, and
//! no PIN twice by mistake.

use cryptoki_sys::{CKR_PIN_EXPIRED, CKR_USER_ALREADY_LOGGED_IN};
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::{sign_data, with};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::test_module::{Rule, User};
use pkcs11_bridge_tests::token::{KeyType, PIN, WRONG_PIN};

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{
    PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN, assert_all_fail, assert_all_succeed, wrong_pin,
};

#[tokio::test]
async fn many_signatures_with_the_same_pin_need_one_login() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.request_many("signData", &fixture.with_pin(), 32).await;
    assert_all_succeed(&mut page, 32).await;
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);

    let mut second = fixture.bridge.connect().await;
    for page in [&mut page, &mut second] {
        fixture.assert_signed("with the PIN", &fixture.sign_with(page, PIN).await);
        fixture.assert_signed("without it", &fixture.sign(page).await);
        page.result("signData", sign_data(&fixture.token, KeyType::Rsa2048.id(), "sha256")).await;
        page.result("signDataBatch", with(&fixture.batch(5), "pin", PIN)).await;
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    assert_eq!(fixture.module.count("C_Logout"), 0);
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_wrong_pin_is_sent_once() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, WRONG_PIN).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);
    assert_eq!(fixture.module.count("C_Sign"), 0);
}

#[tokio::test]
async fn ten_parallel_calls_send_the_same_wrong_pin_once() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    let params = with(&fixture.with_pin(), "pin", WRONG_PIN);
    page.request_many("signData", &params, 10).await;
    assert_all_fail(&mut page, 10, WRONG, &["Wrong PIN"]).await;
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);
    // A later call with the same PIN is a new try.
    page.call("signData", params).await.expect_err("a wrong PIN");
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);
}

#[tokio::test]
async fn a_wrong_pin_during_a_login_is_judged_by_the_token() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the right PIN", &fixture.sign_with(&mut page, PIN).await);
    let outcome = fixture.sign_with(&mut page, WRONG_PIN).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    fixture.assert_signed("the right PIN after it", &fixture.sign_with(&mut page, PIN).await);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
    assert_eq!(fixture.module.count("C_Sign"), 2);
    let mut calls = fixture.module.calls();
    calls.retain(|call| ["C_Login", "C_Logout"].contains(&call.function.as_str()));
    let order: Vec<_> = calls.iter().map(|call| call.function.as_str()).collect();
    assert_eq!(order, ["C_Login", "C_Logout", "C_Login", "C_Login"]);
}

#[tokio::test]
async fn user_already_logged_in_is_no_proof_of_a_pin() {
    let rule = || Rule::on_login(User::User).fail_before(CKR_USER_ALREADY_LOGGED_IN);
    for (pin, result) in [(WRONG_PIN, WRONG_LOGIN), (PIN, RIGHT_LOGIN)] {
        let fixture = PinFixture::new();
        let mut page = fixture.bridge.connect().await;
        fixture.module.add(rule().next(1));
        let outcome = fixture.sign_with(&mut page, pin).await;
        assert_eq!(outcome.is_ok(), pin == PIN, "{outcome:?}");
        assert_eq!(fixture.login_results(), [result]);
    }

    // If the module returns nothing else, even the right PIN logs nobody in.
    for pin in [PIN, &wrong_pin(1)] {
        let fixture = PinFixture::new();
        let mut page = fixture.bridge.connect().await;
        let always = fixture.module.add(rule());
        let outcome = fixture.sign_with(&mut page, pin).await;
        assert_error("any PIN", &outcome, (500, "900"), &["did not check the PIN"]);
        assert_ckr("any PIN", &outcome, "CKR_USER_ALREADY_LOGGED_IN");
        assert_eq!(fixture.module.count("C_Sign"), 0);
        assert_eq!(fixture.module.count("C_Login"), 2);
        always.remove();
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
        assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    }
}

/// The PIN is right, and no PIN works until the user has changed it.
#[tokio::test]
async fn a_pin_that_has_expired_is_not_asked_for_again() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.module.add(Rule::on_login(User::User).fail_before(CKR_PIN_EXPIRED));
    fixture.pinentry.answer(Answer::pin(PIN));
    for outcome in [fixture.sign(&mut page).await, fixture.sign_with(&mut page, PIN).await] {
        assert_error("an expired PIN", &outcome, WRONG, &["expired", "change it"]);
        assert_ckr("an expired PIN", &outcome, "CKR_PIN_EXPIRED");
    }
    fixture.pinentry.assert_dialogs(1);
    assert_eq!(fixture.module.count("C_Login"), 2);
}
