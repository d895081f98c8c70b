//! A token that is removed, or whose sessions or login end. The bridge's login has
//! ended, and the next signature needs the PIN again.

use cryptoki_sys::{
    CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN,
};
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::{verify_signed_data, with};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::{KeyType, PIN, WRONG_PIN};
use serde_json::{Value, json};

use super::pin_fixture::{
    LOGIN_ENDED, NO_TOKEN, PinFixture, RIGHT_LOGIN, assert_signature, hash_of, item_of,
};

/// The value that a module returns once after the token was away.
const RETURN_VALUES: [(&str, u64); 3] = [
    ("removed", CKR_DEVICE_REMOVED),
    ("no such session", CKR_SESSION_HANDLE_INVALID),
    ("not logged in", CKR_USER_NOT_LOGGED_IN),
];

/// Makes the next call of a function return this value.
fn return_once(fixture: &PinFixture, function: &str, ckr: u64) {
    fixture.module.add(Rule::on(function).next(1).fail_before(ckr));
}

#[track_caller]
fn assert_said(fixture: &PinFixture, function: &str, ckr: u64, times: usize) {
    let calls = fixture.module.calls_of(function);
    assert_eq!(calls.iter().filter(|call| call.result == ckr).count(), times, "{function}");
}

#[tokio::test]
async fn a_signature_after_the_end_of_the_login_asks_for_the_pin() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the login", &fixture.sign_with(&mut page, PIN).await);
    for (number, (what, ckr)) in (1..).zip(RETURN_VALUES) {
        return_once(&fixture, "C_Sign", ckr);
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.assert_signed(what, &fixture.sign(&mut page).await);
        fixture.pinentry.assert_dialogs(number);
        assert_said(&fixture, "C_Sign", ckr, 1);
        assert_eq!(fixture.login_results(), vec![RIGHT_LOGIN; 1 + number]);
        fixture.assert_signed("with that login", &fixture.sign(&mut page).await);
    }
    fixture.module.assert_logins(4);
}

#[tokio::test]
async fn with_the_pages_pin_the_signature_needs_no_dialog() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the login", &fixture.sign_with(&mut page, PIN).await);
    for (what, ckr) in RETURN_VALUES {
        return_once(&fixture, "C_Sign", ckr);
        fixture.assert_signed(what, &fixture.sign_with(&mut page, PIN).await);
        assert_said(&fixture, "C_Sign", ckr, 1);
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 4]);
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_read_notices_the_end_of_the_login_and_the_next_signature_asks() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let signature = fixture.sign_with(&mut page, PIN).await.expect("a signature");
    let verify = ("verifySignedData", verify_signed_data(&fixture.with_pin(), &signature));
    let list = ("certificates", json!({ "slot_id": fixture.token.slot() }));
    let mut count = 0;
    for ((method, params), function) in [(verify, "C_GetSessionInfo"), (list, "C_FindObjectsInit")]
    {
        for (what, ckr) in &RETURN_VALUES[..2] {
            return_once(&fixture, function, *ckr);
            page.result(method, params.clone()).await;
            assert_said(&fixture, function, *ckr, 1);
            fixture.pinentry.assert_dialogs(count);
            fixture.pinentry.answer(Answer::pin(PIN));
            fixture.assert_signed(what, &fixture.sign(&mut page).await);
            count += 1;
            fixture.pinentry.assert_dialogs(count);
        }
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 5]);
}

#[tokio::test]
async fn a_private_key_that_vanished_is_found_after_the_pin() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("another key", &fixture.sign_with(&mut page, PIN).await);
    let params = with(&fixture.without_pin(), "cert_id", KeyType::P384.id());
    for (_, ckr) in RETURN_VALUES {
        return_once(&fixture, "C_FindObjectsInit", ckr);
        fixture.pinentry.answer(Answer::pin(PIN));
        page.result("signData", params.clone()).await;
        assert_said(&fixture, "C_FindObjectsInit", ckr, 1);
        fixture.assert_signed("another key", &fixture.sign(&mut page).await);
        page.result("logout", json!({})).await;
        fixture.assert_signed("another key", &fixture.sign_with(&mut page, PIN).await);
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 7]);
    fixture.pinentry.assert_dialogs(3);
}

#[tokio::test]
async fn the_rest_of_a_batch_reports_the_end_of_the_login() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let issued = fixture.token.certified_key(KeyType::P256);
    for params in [fixture.batch(60), with(&fixture.batch(60), "pin", PIN)] {
        fixture.sign_with(&mut page, PIN).await.expect("a login");
        let before = fixture.module.logins().len();
        fixture.module.add(Rule::on("C_Sign").nth(10).fail_before(CKR_DEVICE_REMOVED));
        let result = page.result("signDataBatch", params).await;
        let signed: Vec<u8> = (0..60).filter(|at| item_of(&result, (*at).into()).is_ok()).collect();
        for at in 0..60 {
            match item_of(&result, at.into()) {
                Ok(signature) => {
                    assert_signature("one of many", &issued, &hash_of(at), &signature);
                }
                refused => assert_error("the rest", &refused, LOGIN_ENDED, &["Sign again"]),
            }
        }
        assert!((9..60).contains(&signed.len()), "{signed:?}");
        assert!(item_of(&result, 59).is_err(), "{signed:?}");
        fixture.module.assert_logins(before);
    }
    fixture.pinentry.assert_dialogs(0);

    fixture.pinentry.answer(Answer::pin(PIN));
    let result: Value = page.result("signDataBatch", fixture.batch(3)).await;
    assert!((0..3).all(|at| item_of(&result, at).is_ok()), "{result}");
    fixture.pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn while_the_token_is_out_no_dialog_opens() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the login", &fixture.sign_with(&mut page, PIN).await);
    let out = [
        ("C_Sign", CKR_DEVICE_REMOVED),
        ("C_GetSessionInfo", CKR_DEVICE_REMOVED),
        ("C_Logout", CKR_DEVICE_REMOVED),
        ("C_GetTokenInfo", CKR_TOKEN_NOT_PRESENT),
        ("C_OpenSession", CKR_TOKEN_NOT_PRESENT),
    ]
    .map(|(function, ckr)| fixture.module.add(Rule::on(function).fail_before(ckr)));
    for _ in 0..2 {
        assert_error("without a PIN", &fixture.sign(&mut page).await, NO_TOKEN, &["token"]);
        let outcome = fixture.sign_with(&mut page, PIN).await;
        assert_error("with one", &outcome, NO_TOKEN, &["token"]);
        let batch = page.call("signDataBatch", fixture.batch(3)).await;
        assert_error("a batch", &batch, NO_TOKEN, &["token"]);
    }
    fixture.pinentry.assert_dialogs(0);
    fixture.module.assert_logins(1);
    out.into_iter().for_each(|rule| rule.remove());

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("once it is back", &fixture.sign(&mut page).await);
    fixture.pinentry.assert_dialogs(1);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 2]);
}

/// The token may have counted the PIN as a try.
#[tokio::test]
async fn a_pin_is_not_sent_again_after_a_removal_during_login() {
    for (pin, entered) in [(WRONG_PIN, false), (WRONG_PIN, true), (PIN, true)] {
        let fixture = PinFixture::new();
        let mut page = fixture.bridge.connect().await;
        fixture.module.add(Rule::on("C_Login").next(1).fail_after(CKR_DEVICE_REMOVED));
        let outcome = if entered {
            fixture.pinentry.answer(Answer::pin(pin));
            fixture.sign(&mut page).await
        } else {
            fixture.sign_with(&mut page, pin).await
        };
        assert_error("the token is gone", &outcome, NO_TOKEN, &["token"]);
        assert_ckr("the token is gone", &outcome, "CKR_DEVICE_REMOVED");
        fixture.module.assert_logins(1);
    }
}
