//! `signData` with `message` in place of `data`: the bridge hashes, or a token that signs no hash.

use cryptoki_sys::{CKM_ECDSA, CKM_ECDSA_SHA256, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_RSA_X_509};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::Quirks;
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::{Value, json};

use super::fault_fixture::FaultFixture;

fn params(token: &TestToken, key_type: KeyType, algorithm: &str) -> Value {
    let params = without(&sign_data(token, key_type.id(), algorithm), "data");
    with(&with(&params, "message", base64(MESSAGE)), "signature_format", "der")
}

async fn assert_signs(page: &mut Socket, token: &TestToken, key_type: KeyType, algorithm: &str) {
    let signature = page.result("signData", params(token, key_type, algorithm)).await;
    let signature = from_base64(signature.as_str().unwrap());
    let certificate = token.certified_key(key_type).certificate();
    let hash = digest(algorithm, MESSAGE);
    assert!(openssl::verifies(&certificate, algorithm, &hash, &signature), "{algorithm}");
}

#[tokio::test]
async fn the_bridge_hashes_a_message() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    for algorithm in ["sha1", "sha256", "RS384", "RS512", "PS256"] {
        assert_signs(&mut page, &fixture.token, KeyType::Rsa2048, algorithm).await;
    }
    for algorithm in ["sha384", "ES256"] {
        assert_signs(&mut page, &fixture.token, KeyType::P256, algorithm).await;
    }
    let params = params(&fixture.token, KeyType::Ed25519, "sha256");
    let params = with(&params, "algorithm_reference", "EdDSA");
    let signature = page.result("signData", params).await;
    let signature = from_base64(signature.as_str().unwrap());
    let certificate = fixture.token.certified_key(KeyType::Ed25519).certificate();
    assert!(openssl::verifies_message(&certificate, MESSAGE, &signature));
}

#[tokio::test]
async fn a_token_that_signs_no_hash_gets_the_message() {
    let fixture = FaultFixture::new();
    let refused_mechanisms = vec![CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_RSA_X_509, CKM_ECDSA];
    let quirks = Quirks { refused_mechanisms, ecdsa_sha256: true, ..Quirks::default() };
    fixture.module.set_quirks(quirks);
    let mut page = fixture.bridge.connect().await;
    for (key_type, algorithm) in [
        (KeyType::Rsa2048, "sha256"),
        (KeyType::Rsa2048, "RS512"),
        (KeyType::Rsa2048, "PS256"),
        (KeyType::P256, "ES256"),
        (KeyType::P384, "sha256"),
    ] {
        // Twice: the first signature shows the way.
        for _ in 0..2 {
            assert_signs(&mut page, &fixture.token, key_type, algorithm).await;
        }
    }
    let hash = sign_data(&fixture.token, KeyType::Rsa2048.id(), "sha256");
    let outcome = page.call("signData", hash).await;
    assert_error("a hash", &outcome, (412, "405"), &["`message`", "CKM_RSA_PKCS"]);
}

#[tokio::test]
async fn a_token_that_lists_only_mechanisms_with_a_hash_is_asked_for_them_first() {
    let fixture = FaultFixture::new();
    let unlisted_mechanisms = vec![CKM_RSA_PKCS, CKM_RSA_X_509, CKM_ECDSA_SHA256];
    fixture.module.set_quirks(Quirks { unlisted_mechanisms, ..Quirks::default() });
    let mut page = fixture.bridge.connect().await;
    assert_signs(&mut page, &fixture.token, KeyType::Rsa2048, "RS256").await;
    assert_eq!(fixture.module.count("C_SignInit"), 1);
}

#[tokio::test]
async fn a_call_has_a_hash_or_a_message() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    let message = params(&fixture.token, KeyType::P256, "sha256");
    for (params, words) in [
        (without(&message, "message"), ["`data`", "missing"]),
        (with(&message, "data", base64(&digest("sha256", MESSAGE))), ["`data`", "together"]),
        (with(&message, "message", json!(7)), ["`message`", "base64"]),
    ] {
        let outcome = page.call("signData", params).await;
        assert_error("both or none", &outcome, (400, "801"), &words);
    }
    fixture.module.assert_logins(0);
}
