//! Certificates and keys that a token does not join by one `CKA_ID`. The signature decides which
//! key belongs to a certificate.

use cryptoki_sys::{CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_TYPE_INCONSISTENT, CKR_OK};
use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with};
use pkcs11_bridge_tests::test_module::{Quirks, User};
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, TestToken, fingerprint_id};
use serde_json::json;

use super::certificate_ids::{assert_signs, open};
use super::fault_fixture::FaultFixture;
use super::pin_fixture::PinFixture;

/// The calls of `C_Login` for single signatures that the token accepted.
fn pins_for_one(fixture: &PinFixture) -> usize {
    let logins = fixture.login_results();
    logins.iter().filter(|login| **login == (User::ContextSpecific, CKR_OK)).count()
}

#[tokio::test]
async fn keys_of_another_kind_with_the_same_id_are_passed_over() {
    let token = TestToken::new();
    let issued = token.add_key_with_id(KeyType::P256, "right", "0c");
    for number in 0..6 {
        let other = token.generate_key(KeyType::Rsa1024, &format!("other {number}"));
        token.write_private_key(&other, Some("0c"));
    }
    let (_bridge, mut page) = open(&token).await;
    assert_signs(&mut page, &token, "0c", &issued).await;
}

#[tokio::test]
async fn keys_that_may_not_sign_are_passed_over() {
    let fixture = FaultFixture::new();
    let issued = fixture.token.add_key_with_id(KeyType::P256, "right", "0c");
    let mut failing_keys = Vec::new();
    for number in 0..3 {
        let other = fixture.token.generate_key(KeyType::P256, &format!("other {number}"));
        fixture.token.write_private_key(&other, Some("0c"));
        failing_keys.push((other.name().to_owned(), CKR_KEY_FUNCTION_NOT_PERMITTED));
    }
    fixture.module.set_quirks(Quirks { failing_keys, ..Quirks::default() });
    let mut page = fixture.bridge.connect().await;
    assert_signs(&mut page, &fixture.token, "0c", &issued).await;
    assert_eq!(fixture.module.count("C_SignInit"), 1, "`CKA_SIGN` is read first");
}

#[tokio::test]
async fn the_right_one_of_seven_keys_with_one_id_is_found() {
    let token = TestToken::new();
    let all: Vec<CertifiedKey> = (0..7)
        .map(|number| {
            let issued = token.generate_key(KeyType::P256, &format!("key {number}"));
            token.write_certificate(&issued, Some("0c"));
            token.write_private_key(&issued, Some("0c"));
            issued
        })
        .collect();
    let (_bridge, mut page) = open(&token).await;
    for issued in &all {
        let id = fingerprint_id(&issued.certificate_bytes());
        assert_signs(&mut page, &token, &id, issued).await;
    }
}

#[tokio::test]
async fn certificate_and_key_may_have_different_ids_or_none() {
    for key_type in [KeyType::Rsa2048, KeyType::P256] {
        for (of_certificate, of_key) in [(Some("a1"), Some("b2")), (Some("a1"), None), (None, None)]
        {
            let token = TestToken::new();
            let issued = token.generate_key(key_type, "right");
            token.write_certificate(&issued, of_certificate);
            token.write_private_key(&issued, of_key);
            let (_bridge, mut page) = open(&token).await;
            let fingerprint = fingerprint_id(&issued.certificate_bytes());
            assert_signs(&mut page, &token, of_certificate.unwrap_or(&fingerprint), &issued).await;
        }
    }
}

#[tokio::test]
async fn crossed_ids_are_seen_through() {
    for key_type in [KeyType::Rsa2048, KeyType::P256] {
        let token = TestToken::new();
        let [one, other] = ["one", "other"].map(|name| token.generate_key(key_type, name));
        for (issued, of_certificate, of_key) in [(&one, "a1", "b2"), (&other, "b2", "a1")] {
            token.write_certificate(issued, Some(of_certificate));
            token.write_private_key(issued, Some(of_key));
        }
        let (_bridge, mut page) = open(&token).await;
        assert_signs(&mut page, &token, "a1", &one).await;
        assert_signs(&mut page, &token, "b2", &other).await;
    }
}

/// Each form alone leads to the key: keys that always authenticate are not guessed.
#[tokio::test]
async fn public_keys_are_compared_in_every_form() {
    for (key_type, quirks) in [
        (KeyType::P256, Quirks { raw_ec_point: true, ..Quirks::default() }),
        (KeyType::P256, Quirks::default()),
        (KeyType::Rsa2048, Quirks { zero_before_modulus: true, ..Quirks::default() }),
    ] {
        let fixture = FaultFixture::new();
        let token = &fixture.token;
        for name in ["right", "other"] {
            let issued = token.generate_key(key_type, name);
            token.write_private_key_that_always_authenticates(&issued, Some(name_id(name)));
            token.write_public_key(&issued, Some(name_id(name)));
            if name == "right" {
                token.write_certificate(&issued, None);
            }
        }
        fixture.module.set_quirks(quirks.clone());
        let mut page = fixture.bridge.connect().await;
        let issued = token.generated_key("right");
        let id = fingerprint_id(&issued.certificate_bytes());
        assert_signs(&mut page, token, &id, &issued).await;
        let for_one = fixture.module.logins();
        let for_one = for_one.iter().filter(|call| call.user == Some(User::ContextSpecific));
        assert_eq!(for_one.count(), 1, "{key_type:?} {quirks:?}");
    }
}

/// The `CKA_ID` of a key, made of its name.
fn name_id(name: &str) -> &'static str {
    if name == "right" { "77" } else { "78" }
}

#[tokio::test]
async fn an_error_of_one_key_leads_to_the_next() {
    let fixture = FaultFixture::new();
    let token = &fixture.token;
    let issued = token.generate_key(KeyType::P256, "right");
    token.write_certificate(&issued, Some("a1"));
    token.write_private_key(&issued, Some("b2"));
    token.write_private_key(&token.generate_key(KeyType::P256, "failing"), Some("a1"));
    for value in [0x5, 0x6, 0x7, 0x63, 0x68, 0x8000_0102] {
        let failing_keys = vec![("failing".to_owned(), value)];
        fixture.module.set_quirks(Quirks { failing_keys, ..Quirks::default() });
        // Each page has a worker of its own, which knows no key yet.
        let bridge = Setup::on_test_module(&fixture.module).start();
        let mut page = bridge.connect().await;
        assert_signs(&mut page, token, "a1", &issued).await;
    }
}

#[tokio::test]
async fn the_right_key_is_remembered() {
    let fixture = FaultFixture::new();
    let token = &fixture.token;
    let issued = token.generate_key(KeyType::P256, "right");
    token.write_certificate(&issued, Some("a1"));
    token.write_private_key(&issued, Some("b2"));
    let mut page = fixture.bridge.connect().await;
    assert_signs(&mut page, token, "a1", &issued).await;
    let before = ["C_FindObjectsInit", "C_GetAttributeValue", "C_SignInit"]
        .map(|function| fixture.module.count(function));
    for _ in 0..5 {
        page.result("signData", sign_data(token, "a1", "sha256")).await;
    }
    let after = ["C_FindObjectsInit", "C_GetAttributeValue", "C_SignInit"]
        .map(|function| fixture.module.count(function));
    assert_eq!(after, [before[0], before[1], before[2] + 5]);
}

/// The user would enter the PIN for a signature that nobody gets.
#[tokio::test]
async fn a_key_that_always_authenticates_is_never_tried_twice_in_a_call() {
    let token = TestToken::new();
    let mut issued = None;
    for number in 0..3 {
        let key = token.generate_key(KeyType::P256, &format!("key {number}"));
        token.write_private_key_that_always_authenticates(&key, Some("a1"));
        issued.get_or_insert(key);
    }
    let issued = issued.unwrap();
    token.write_certificate(&issued, Some("a1"));
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    let params = with(&fixture.with_pin(), "cert_id", "a1");
    // The token does not tell the keys apart. Each call tries another one.
    for call in 1..=3 {
        let outcome = page.call("signData", params.clone()).await;
        assert_eq!(pins_for_one(&fixture), call, "{outcome:?}");
        if outcome.is_ok() {
            let before = pins_for_one(&fixture);
            page.result("signData", params).await;
            assert_eq!(pins_for_one(&fixture), before + 1, "the right key is remembered");
            return;
        }
        assert_error("another key", &outcome, (500, "900"), &["match", "a1"]);
    }
    panic!("no key was the right one");
}

#[tokio::test]
async fn a_search_ends_when_no_handle_comes() {
    for handles in [1, 2] {
        let fixture = FaultFixture::new();
        fixture.module.set_quirks(Quirks { handles_per_call: Some(handles), ..Quirks::default() });
        let mut page = fixture.bridge.connect().await;
        let listed = page.certificates(json!({ "slot_id": fixture.token.slot() })).await;
        assert_eq!(listed.as_array().unwrap().len(), KeyType::ALL.len(), "{handles}");
        page.result("signData", fixture.signing()).await;
    }
}

#[tokio::test]
async fn a_key_that_may_not_sign_is_blamed_rather_than_the_algorithm() {
    for (value, name) in [
        (CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED"),
        (CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT"),
    ] {
        let fixture = FaultFixture::new();
        let failing_keys = vec![("P-256".to_owned(), value)];
        fixture.module.set_quirks(Quirks { failing_keys, ..Quirks::default() });
        let mut page = fixture.bridge.connect().await;
        let outcome = page.call("signData", fixture.signing()).await;
        assert_error(name, &outcome, (412, "406"), &["key of certificate 03", "sign", name]);
        assert!(!outcome.unwrap_err().message.contains("algorithm"));
    }
}
