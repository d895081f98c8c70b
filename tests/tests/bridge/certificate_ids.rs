//! Unusual tokens: ids that are empty or not unique, and certificates without a key.

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::digest::{digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, verify_signed_data};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, TestToken, fingerprint_id};
use serde_json::{Value, json};

pub async fn open(token: &TestToken) -> (Bridge, Socket) {
    let bridge = Setup::on(token).start();
    let page = bridge.connect().await;
    (bridge, page)
}

/// Asserts that the bridge lists a certificate under an id and signs with the certificate's key.
pub async fn assert_signs(page: &mut Socket, token: &TestToken, id: &str, issued: &CertifiedKey) {
    let listed = page.certificates(json!({ "slot_id": token.slot() })).await;
    let listed = listed.as_array().unwrap();
    let found: Vec<&Value> = listed.iter().filter(|certificate| certificate["id"] == id).collect();
    assert_eq!(found.len(), 1, "certificates of id {id} among {listed:?}");
    let der = from_base64(found[0]["base64"].as_str().unwrap());
    assert_eq!(der, issued.certificate_bytes(), "{id}");

    let signature = page.result("signData", sign_data(token, id, "sha256")).await;
    let mut signature = from_base64(signature.as_str().unwrap());
    if signature.len() == 64 {
        signature = openssl::der_of_raw_ecdsa(&signature);
    }
    let hash = digest("sha256", MESSAGE);
    assert!(openssl::verifies(&issued.certificate(), "sha256", &hash, &signature), "{id}");
}

#[tokio::test]
async fn an_empty_id_is_replaced_by_the_fingerprint() {
    for key_type in [KeyType::Rsa2048, KeyType::P256] {
        let token = TestToken::new();
        let issued = token.generate_key(key_type, "no id");
        token.write_certificate(&issued, None);
        // Only the public key identifies the private key.
        token.write_private_key(&issued, Some("77"));
        token.write_public_key(&issued, Some("77"));
        let (_bridge, mut page) = open(&token).await;
        let id = fingerprint_id(&issued.certificate_bytes());
        assert_signs(&mut page, &token, &id, &issued).await;
        assert_signs(&mut page, &token, "01", &token.certified_key(KeyType::Rsa2048)).await;
    }
}

/// Two certificates and their two keys, all with one id.
async fn assert_both_sign(key_type: KeyType) {
    let token = TestToken::new();
    let twins = ["first twin", "second twin"].map(|name| {
        let issued = token.generate_key(key_type, name);
        token.write_certificate(&issued, Some("0c"));
        token.write_private_key(&issued, Some("0c"));
        token.write_public_key(&issued, Some("0c"));
        issued
    });
    let (_bridge, mut page) = open(&token).await;
    for twin in &twins {
        let id = fingerprint_id(&twin.certificate_bytes());
        assert_signs(&mut page, &token, &id, twin).await;
    }
    let ambiguous = page.call("signData", sign_data(&token, "0c", "sha256")).await;
    assert_error("an id that two share", &ambiguous, (412, "404"), &["cert_id"]);
}

#[tokio::test]
async fn an_id_that_two_certificates_share_is_replaced_by_the_fingerprints() {
    assert_both_sign(KeyType::Rsa2048).await;
}

/// A private EC key does not reveal its public key, so only its signature identifies it.
#[tokio::test]
async fn ec_keys_that_share_an_id_are_distinguished() {
    assert_both_sign(KeyType::P256).await;
}

#[tokio::test]
async fn an_unknown_fingerprint_is_not_found() {
    let token = TestToken::new();
    let (_bridge, mut page) = open(&token).await;
    let id = fingerprint_id(&[0; 32]);
    let outcome = page.call("signData", sign_data(&token, &id, "sha256")).await;
    assert_error("a fingerprint of nothing", &outcome, (412, "404"), &["certificate"]);
}

#[tokio::test]
async fn a_certificate_without_a_key_is_listed_and_cannot_sign() {
    let token = TestToken::new();
    let issued = token.generate_key(KeyType::P256, "no key");
    token.write_certificate(&issued, Some("0d"));
    let (_bridge, mut page) = open(&token).await;
    let listed = page.certificates(json!({ "slot_id": token.slot() })).await;
    assert!(listed.as_array().unwrap().iter().any(|certificate| certificate["id"] == "0d"));
    let outcome = page.call("signData", sign_data(&token, "0d", "sha256")).await;
    assert_error("a certificate without a key", &outcome, (412, "404"), &["private key", "0d"]);
    assert_signs(&mut page, &token, "01", &token.certified_key(KeyType::Rsa2048)).await;
}

/// The check of some signatures needs a longer key, so the bridge does not make them.
#[tokio::test]
async fn a_short_key_signs_only_what_can_be_verified() {
    let token = TestToken::new();
    let key_type = KeyType::Rsa1024;
    let issued = token.generate_key(key_type, "short");
    token.write_certificate(&issued, Some(key_type.id()));
    token.write_private_key(&issued, Some(key_type.id()));
    let (_bridge, mut page) = open(&token).await;
    for algorithm in ["sha384", "RS384", "PS256"] {
        let params = sign_data(&token, key_type.id(), algorithm);
        for (method, params) in [
            ("signData", params.clone()),
            ("verifySignedData", verify_signed_data(&params, &json!("AQI="))),
        ] {
            let outcome = page.call(method, params).await;
            assert_error("a short key", &outcome, (412, "405"), &["too short"]);
        }
    }
    assert_signs(&mut page, &token, key_type.id(), &issued).await;
}

#[tokio::test]
async fn the_signature_of_another_key_is_withheld() {
    let token = TestToken::new();
    token.write_certificate(&token.generate_key(KeyType::Rsa2048, "certificate"), Some("0e"));
    token.write_private_key(&token.generate_key(KeyType::Rsa2048, "another key"), Some("0e"));
    let (_bridge, mut page) = open(&token).await;
    for algorithm in ["sha256", "PS256"] {
        let outcome = page.call("signData", sign_data(&token, "0e", algorithm)).await;
        assert_error("another key", &outcome, (500, "900"), &["signature", "0e"]);
    }
    assert_signs(&mut page, &token, "01", &token.certified_key(KeyType::Rsa2048)).await;
}

#[tokio::test]
async fn a_long_id_is_lower_case_hexadecimal() {
    let token = TestToken::new();
    let issued = token.generate_key(KeyType::P256, "long id");
    let id = "ABCDEF0123456789ABCDEF0123456789ABCDEF01";
    token.write_certificate(&issued, Some(id));
    token.write_private_key(&issued, Some(id));
    let (_bridge, mut page) = open(&token).await;
    assert_signs(&mut page, &token, &id.to_lowercase(), &issued).await;
}
