//! Keys that need the PIN for each signature (`CKA_ALWAYS_AUTHENTICATE`). Some are real
//! keys of SoftHSM2, others belong to a simulated token. The PIN goes to the token
//! between `C_SignInit` and a single `C_Sign`.

use std::collections::BTreeMap;

use pkcs11_bridge_tests::digest::digest;
use pkcs11_bridge_tests::outcome::{Outcome, assert_error};
use pkcs11_bridge_tests::params::{MESSAGE, with};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::test_module::User;
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, PIN, TestToken};
use serde_json::Value;

use super::pin_fixture::{NO_PIN, PinFixture, RIGHT_FOR_ONE, RIGHT_LOGIN, assert_signature};

/// The `CKA_ID` of such a key.
pub const KEY_ID: &str = "a1";

/// A token that has such a key beside its other keys.
pub fn token_with_key(key_type: KeyType) -> (TestToken, CertifiedKey) {
    let token = TestToken::new();
    let issued = token.generate_key(key_type, &format!("{}-always", key_type.name()));
    token.write_private_key_that_always_authenticates(&issued, Some(KEY_ID));
    token.write_certificate(&issued, Some(KEY_ID));
    (token, issued)
}

/// A fixture with such a key of type P-256.
pub struct Case {
    pub fixture: PinFixture,
    pub issued: CertifiedKey,
}

impl Case {
    pub fn new() -> Self {
        let (token, issued) = token_with_key(KeyType::P256);
        Self { fixture: PinFixture::on(token), issued }
    }

    pub fn without_pinentry() -> Self {
        let (token, issued) = token_with_key(KeyType::P256);
        Self { fixture: PinFixture::without_pinentry(token), issued }
    }

    /// Parameters of `signData` for that key, with the right PIN.
    pub fn with_pin(&self) -> Value {
        with(&self.fixture.with_pin(), "cert_id", KEY_ID)
    }

    /// Parameters of `signData` for that key, without a PIN.
    pub fn without_pin(&self) -> Value {
        with(&self.fixture.without_pin(), "cert_id", KEY_ID)
    }

    /// Asserts that a call of `signData` gave a signature of that key.
    #[track_caller]
    pub fn assert_signed(&self, what: &str, outcome: &Outcome) {
        let signature = outcome.as_ref().unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_signature(what, &self.issued, &digest("sha256", MESSAGE), signature);
    }
}

/// Asserts the number of signatures with such keys. Each signature is made by three
/// calls of its own, in order and with nothing between them.
#[track_caller]
pub fn assert_order(fixture: &PinFixture, signatures: usize) {
    let mut by_session = BTreeMap::<_, Vec<Vec<String>>>::new();
    for call in fixture.module.calls() {
        let operations = by_session.entry((call.pid, call.session)).or_default();
        match (call.function.as_str(), call.user) {
            ("C_SignInit", _) => operations.push(vec![call.function]),
            ("C_Sign", _) | ("C_Login", Some(User::ContextSpecific)) => {
                operations.last_mut().expect("C_SignInit comes first").push(call.function);
            }
            _ => {}
        }
    }
    let (with_login, others): (Vec<_>, Vec<_>) = by_session
        .into_values()
        .flatten()
        .partition(|calls| calls.iter().any(|function| function == "C_Login"));
    assert_eq!(with_login, vec![["C_SignInit", "C_Login", "C_Sign"]; signatures]);
    assert!(others.iter().all(|calls| *calls == ["C_SignInit", "C_Sign"]), "{others:?}");
}

#[tokio::test]
async fn each_page_pin_authenticates_one_signature() {
    for key_type in [KeyType::P256, KeyType::Rsa2048] {
        let (token, issued) = token_with_key(key_type);
        let fixture = PinFixture::on(token);
        let mut page = fixture.bridge.connect().await;
        let params = with(&fixture.with_pin(), "cert_id", KEY_ID);
        for _ in 0..2 {
            let signature = page.result("signData", params.clone()).await;
            assert_signature("one by one", &issued, &digest("sha256", MESSAGE), &signature);
        }
        page.request_many("signData", &params, 8).await;
        for _ in 0..8 {
            let signature = page.reply().await.1.expect("one of many");
            assert_signature("at once", &issued, &digest("sha256", MESSAGE), &signature);
        }
        assert_order(&fixture, 10);
        assert_eq!(fixture.login_results(), [&[RIGHT_LOGIN][..], &[RIGHT_FOR_ONE; 10]].concat());
        fixture.pinentry.assert_dialogs(0);
    }
}

#[tokio::test]
async fn keys_of_a_token_that_always_authenticates_sign() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.always_authenticate = Some(PIN.to_owned()));
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the page's PIN", &fixture.sign_with(&mut page, PIN).await);
    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
    assert_order(&fixture, 2);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE, RIGHT_FOR_ONE]);
}

#[tokio::test]
async fn other_keys_of_the_token_need_no_extra_pin() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("before", &fixture.sign_with(&mut page, PIN).await);
    case.assert_signed("such a key", &page.call("signData", case.with_pin()).await);
    fixture.assert_signed("after", &fixture.sign(&mut page).await);
    fixture.assert_signed("with the PIN", &fixture.sign_with(&mut page, PIN).await);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE]);
    assert_eq!(fixture.module.count("C_Sign"), 4);
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn the_dialog_asks_for_each_signature_and_says_why() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    for number in 1..=3 {
        fixture.pinentry.answer(Answer::pin(PIN));
        case.assert_signed("the user's PIN", &page.call("signData", case.without_pin()).await);
        fixture.pinentry.assert_dialogs(number);
    }
    for dialog in &fixture.pinentry.dialogs()[1..] {
        let description = dialog.description();
        assert!(description.contains("The PIN is for this signature only"), "{description}");
        assert!(description.contains(case.issued.name()), "{description}");
    }
    assert_order(fixture, 3);
    // The first PIN is also the PIN of the login.
    assert_eq!(fixture.login_results(), [&[RIGHT_LOGIN][..], &[RIGHT_FOR_ONE; 3]].concat());
}

#[tokio::test]
async fn without_a_dialog_the_page_must_send_the_pin_for_each_signature() {
    let case = Case::without_pinentry();
    let mut page = case.fixture.bridge.connect().await;
    for _ in 0..2 {
        let outcome = page.call("signData", case.without_pin()).await;
        assert_error("without a PIN", &outcome, NO_PIN, &["`pin`"]);
        case.assert_signed("with it", &page.call("signData", case.with_pin()).await);
    }
    assert_eq!(case.fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE, RIGHT_FOR_ONE]);
}
