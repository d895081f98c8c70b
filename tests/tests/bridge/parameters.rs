//! Calls with wrong parameters: each fails with its own code and a text that names the
//! parameter. The connection continues.

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::digest::base64;
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::{sign_data, verify_signed_data, with, without};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::{Value, json};

const BAD_ARGUMENT: (u16, &str) = (400, "801");
const NO_SLOT: (u16, &str) = (412, "1");
const NO_TOKEN: (u16, &str) = (412, "101");
const NOT_FOUND: (u16, &str) = (412, "404");
const UNSUPPORTED: (u16, &str) = (412, "405");

async fn open(token: &TestToken) -> (Bridge, Socket) {
    let bridge = Setup::on(token).start();
    let page = bridge.connect().await;
    (bridge, page)
}

/// Asserts that a call fails, and that the connection can sign afterwards.
async fn assert_refuses(
    page: &mut Socket,
    good: &Value,
    (method, params): (&str, Value),
    expected: (u16, &str),
    words: &[&str],
) {
    let outcome = page.call(method, params.clone()).await;
    assert_error(&format!("{method} {params}"), &outcome, expected, words);
    page.result("signData", good.clone()).await;
}

#[tokio::test]
async fn a_missing_field_is_named() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    for field in ["slot_id", "cert_id", "algorithm_reference", "data"] {
        let call = ("signData", without(&good, field));
        assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &["missing", field]).await;
    }
    let to_verify = verify_signed_data(&good, &json!(base64(&[0; 64])));
    for field in ["slot_id", "cert_id", "algorithm_reference", "data", "signature"] {
        let call = ("verifySignedData", without(&to_verify, field));
        assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &["missing", field]).await;
    }
    let call = ("certificates", json!({}));
    assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &["missing", "slot_id"]).await;
}

#[tokio::test]
async fn a_misspelt_field_is_named() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    for (method, params, field) in [
        ("info", json!({}), "modul"),
        ("slots", json!({}), "tokenPresent"),
        ("token", json!({}), "slotId"),
        ("certificates", json!({ "slot_id": token.slot() }), "parseCerts"),
        ("signData", good.clone(), "PIN"),
        ("signData", good.clone(), "signatureFormat"),
        ("verifySignedData", verify_signed_data(&good, &json!("")), "pin"),
        ("hello", json!({}), "name"),
        ("modules", json!({}), "module"),
    ] {
        let call = (method, with(&params, field, "x"));
        assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &["unknown field", field]).await;
    }
}

#[tokio::test]
async fn a_field_of_the_wrong_type_is_named() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    let slot = json!({ "slot_id": token.slot() });
    for (method, params, field, value) in [
        ("info", json!({}), "module", json!(1)),
        ("slots", json!({}), "token_present", json!("yes")),
        ("token", json!({}), "slot_id", json!(-1)),
        ("token", json!({}), "slot_id", json!(1.5)),
        ("token", json!({}), "slot_id", json!("0x1")),
        ("token", json!({}), "slot_id", json!("18446744073709551616")),
        ("certificates", slot, "slot_id", json!(null)),
        ("signData", good.clone(), "slot_id", json!([1])),
        ("signData", good.clone(), "cert_id", json!(1)),
        ("signData", good.clone(), "algorithm_reference", json!(256)),
        ("signData", good.clone(), "data", json!([1, 2, 3])),
        ("signData", good.clone(), "data", json!(null)),
        ("signData", good.clone(), "pin", json!(1234)),
        ("signData", good.clone(), "signature_format", json!("asn1")),
        ("verifySignedData", verify_signed_data(&good, &json!("")), "signature", json!(true)),
    ] {
        let call = (method, with(&params, field, value));
        assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &[field]).await;
    }
}

#[tokio::test]
async fn invalid_base64_is_named() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    let to_verify = verify_signed_data(&good, &json!(base64(&[0; 64])));
    for text in ["not base64", "AQ_-", "A", "AQI=AQI=", "AQ==\n"] {
        for (method, params, field) in [
            ("signData", &good, "data"),
            ("verifySignedData", &to_verify, "data"),
            ("verifySignedData", &to_verify, "signature"),
        ] {
            let call = (method, with(params, field, text));
            assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &[field, "base64"]).await;
        }
    }
}

#[tokio::test]
async fn a_hash_of_the_wrong_length_is_named() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    for (key_type, algorithm, len) in [
        (KeyType::Rsa2048, "sha1", 32),
        (KeyType::Rsa2048, "sha256", 20),
        (KeyType::Rsa2048, "sha256", 0),
        (KeyType::Rsa2048, "RS384", 47),
        (KeyType::Rsa2048, "PS512", 65),
        (KeyType::P256, "sha256", 33),
        (KeyType::P256, "ES256", 100_000),
        (KeyType::P521, "sha512", 32),
    ] {
        let params = sign_data(&token, key_type.id(), algorithm);
        let params = with(&params, "data", base64(&vec![7; len]));
        let to_verify = verify_signed_data(&params, &json!(base64(&[0; 64])));
        for call in [("signData", params), ("verifySignedData", to_verify)] {
            assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &["data", "bytes"]).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_algorithm_is_reported_with_the_known_ones() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    for algorithm in ["", "md5", "sha3", "sha512-256", "RS1", "none", " sha256", "sha256\0"] {
        let params = with(&good, "algorithm_reference", algorithm);
        let to_verify = verify_signed_data(&params, &json!(base64(&[0; 64])));
        for call in [("signData", params), ("verifySignedData", to_verify)] {
            let words = ["algorithm_reference", "PS256"];
            assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &words).await;
        }
    }
}

#[tokio::test]
async fn an_algorithm_that_does_not_fit_the_key_is_reported() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    for (key_type, algorithm, len) in [
        (KeyType::Rsa2048, "ES256", 32),
        (KeyType::Rsa2048, "EdDSA", 32),
        (KeyType::Rsa2048, "ML-DSA-44", 32),
        (KeyType::P256, "RS256", 32),
        (KeyType::P256, "PS256", 32),
        (KeyType::P256, "EdDSA", 32),
        (KeyType::P256, "ES384", 48),
        (KeyType::P384, "ES256", 32),
        (KeyType::P521, "ES256", 32),
        (KeyType::Ed25519, "sha256", 32),
        (KeyType::Ed25519, "ES256", 32),
    ] {
        let params = with(&good, "cert_id", key_type.id());
        let params = with(&params, "algorithm_reference", algorithm);
        let params = with(&params, "data", base64(&vec![7; len]));
        let to_verify = verify_signed_data(&params, &json!(base64(&[0; 64])));
        for call in [("signData", params), ("verifySignedData", to_verify)] {
            let words = ["algorithm_reference", algorithm];
            assert_refuses(&mut page, &good, call, BAD_ARGUMENT, &words).await;
        }
    }
}

#[tokio::test]
async fn an_algorithm_that_the_token_lacks_has_its_own_error() {
    let token = TestToken::without_mechanism("CKM_ECDSA");
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::Rsa2048.id(), "RS256");
    for key_type in [KeyType::P256, KeyType::P384] {
        let params = sign_data(&token, key_type.id(), "sha256");
        let outcome = page.call("signData", params.clone()).await;
        assert_ckr("ECDSA", &outcome, "CKR_MECHANISM_INVALID");
        let call = ("signData", params);
        assert_refuses(&mut page, &good, call, UNSUPPORTED, &["sha256", "algorithm"]).await;
    }
}

#[tokio::test]
async fn an_unknown_slot_is_reported() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    let to_verify = verify_signed_data(&good, &json!(base64(&[0; 64])));
    for slot in [json!(4711), json!("18446744073709551615")] {
        for (method, params) in [
            ("token", json!({})),
            ("certificates", json!({})),
            ("signData", good.clone()),
            ("verifySignedData", to_verify.clone()),
        ] {
            let call = (method, with(&params, "slot_id", slot.clone()));
            assert_refuses(&mut page, &good, call, NO_SLOT, &["slot"]).await;
        }
    }
    let outcome = page.call("token", json!({ "slot_id": 4711 })).await;
    assert_error("slot 4711", &outcome, NO_SLOT, &["4711"]);
}

#[tokio::test]
async fn a_slot_without_a_token_is_reported() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    let free = json!(token.free_slot());
    let to_verify = verify_signed_data(&good, &json!(base64(&[0; 64])));
    for (method, params) in
        [("certificates", json!({})), ("signData", good.clone()), ("verifySignedData", to_verify)]
    {
        let call = (method, with(&params, "slot_id", free.clone()));
        assert_refuses(&mut page, &good, call, NO_TOKEN, &["token"]).await;
    }
}

#[tokio::test]
async fn an_unknown_certificate_is_reported() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let good = sign_data(&token, KeyType::P256.id(), "ES256");
    let to_verify = verify_signed_data(&good, &json!(base64(&[0; 64])));
    let long = "ab".repeat(10_000);
    for id in ["77", "", "3", "0003", "03 ", "xyz", "sha256:", "sha256:00", "../03", &long] {
        for (method, params) in [("signData", &good), ("verifySignedData", &to_verify)] {
            let call = (method, with(params, "cert_id", id));
            assert_refuses(&mut page, &good, call, NOT_FOUND, &["certificate", "cert_id"]).await;
        }
    }
}
