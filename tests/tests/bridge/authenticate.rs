//! `authenticate`: the key of a certificate signs the page's origin and a challenge, in a form that
//! no document and no TLS handshake has. OpenSSL verifies the signatures.

use pkcs11_bridge_tests::authority::{Authority, P256};
use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken, Usage};
use serde_json::{Value, json};

use super::pin_dialog::OTHER_ORIGIN;

const CHALLENGE: [u8; 32] = [0xc5; 32];

fn authenticate(token: &TestToken, cert_id: &str) -> Value {
    json!({ "slot_id": token.slot(), "cert_id": cert_id, "challenge": base64(&CHALLENGE) })
}

/// The signed bytes, as the documentation of the wire gives them.
fn message(origin: &str, challenge: &[u8]) -> Vec<u8> {
    let origin_len = u16::try_from(origin.len()).unwrap().to_be_bytes();
    let challenge_len = u16::try_from(challenge.len()).unwrap().to_be_bytes();
    let start = b"pkcs11-bridge authenticate v1\0".as_slice();
    [start, &origin_len, origin.as_bytes(), &challenge_len, challenge].concat()
}

/// Whether OpenSSL accepts the result of `authenticate` for this origin.
fn verifies(token: &TestToken, key_type: KeyType, result: &Value, origin: &str) -> bool {
    let certificate = token.certified_key(key_type).certificate();
    let message = message(origin, &CHALLENGE);
    let algorithm = result["algorithm"].as_str().unwrap();
    let signature = from_base64(result["signature"].as_str().unwrap());
    match key_type {
        KeyType::Ed25519 => openssl::verifies_message(&certificate, &message, &signature),
        _ => {
            let signature =
                if key_type.is_rsa() { signature } else { openssl::der_of_raw_ecdsa(&signature) };
            openssl::verifies(&certificate, algorithm, &digest(algorithm, &message), &signature)
        }
    }
}

#[tokio::test]
async fn every_kind_of_key_signs_the_origin_and_the_challenge() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let bridge = Setup::on(&token).origin(OTHER_ORIGIN).pinentry(&pinentry).start();
    for origin in [ORIGIN, OTHER_ORIGIN] {
        let mut page = bridge.connect_as(origin).await;
        for (key_type, algorithm) in [
            (KeyType::Rsa2048, "PS256"),
            (KeyType::Rsa3072, "PS256"),
            (KeyType::P256, "ES256"),
            (KeyType::P384, "ES384"),
            (KeyType::P521, "ES512"),
            (KeyType::Ed25519, "EdDSA"),
        ] {
            pinentry.answer(Answer::pin(PIN));
            let result = page.result("authenticate", authenticate(&token, key_type.id())).await;
            assert_eq!(result["format"], "pkcs11-bridge authenticate v1");
            assert_eq!(result["algorithm"], algorithm);
            let certificate = base64(&token.certified_key(key_type).certificate_bytes());
            assert_eq!(result["certificate"], certificate);
            for other in [ORIGIN, OTHER_ORIGIN] {
                let verified = verifies(&token, key_type, &result, other);
                assert_eq!(verified, origin == other, "{key_type:?} {origin} {other}");
            }
        }
    }
}

#[tokio::test]
async fn a_key_only_for_authentication_authenticates_and_signs_no_data() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    token.add_key(Usage::Authentication, KeyType::P256, "login", "0d");
    let bridge = Setup::on(&token).pinentry(&pinentry).start();
    let mut page = bridge.connect().await;
    pinentry.answer(Answer::pin(PIN));
    page.result("authenticate", authenticate(&token, "0d")).await;
    // The login does not change what the key may sign.
    let signed = without(&sign_data(&token, "0d", "sha256"), "pin");
    let outcome = page.call("signData", signed).await;
    assert_error("signData", &outcome, (412, "406"), &["only for authentication"]);
}

#[tokio::test]
async fn the_dialog_says_that_the_user_logs_in() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let bridge = Setup::on(&token).pinentry(&pinentry).start();
    pinentry.answer(Answer::pin(PIN));
    bridge.connect().await.result("authenticate", authenticate(&token, KeyType::P256.id())).await;
    let dialog = &pinentry.assert_dialogs(1)[0];
    let text = dialog.description();
    assert!(text.contains("log in") && text.contains(ORIGIN), "{text}");
    assert!(!text.contains("SHA-256") && !text.contains("sign through"), "{text}");
}

#[tokio::test]
async fn a_token_without_pss_uses_pkcs1() {
    // The token could also hash the message itself, or let the bridge pad.
    let without = "CKM_RSA_PKCS_PSS,CKM_SHA256_RSA_PKCS_PSS,CKM_RSA_X_509";
    let (token, pinentry) = (TestToken::without_mechanism(without), Pinentry::new());
    let bridge = Setup::on(&token).pinentry(&pinentry).start();
    pinentry.answer(Answer::pin(PIN));
    let mut page = bridge.connect().await;
    let result = page.result("authenticate", authenticate(&token, KeyType::Rsa2048.id())).await;
    assert_eq!(result["algorithm"], "RS256");
    assert!(verifies(&token, KeyType::Rsa2048, &result, ORIGIN));
    pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn a_key_that_only_signs_documents_proves_no_identity() {
    let token = TestToken::new();
    let authority = Authority::root("Test CA", P256);
    let key = token.certified_key(KeyType::P256);
    for (id, usage) in [("a1", "nonRepudiation"), ("a2", "keyEncipherment")] {
        let certificate = authority.issue(&key, usage, &format!("keyUsage=critical,{usage}"));
        token.write_certificate_file(certificate, usage, id);
    }
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    for id in ["a1", "a2"] {
        let outcome = page.call("authenticate", authenticate(&token, id)).await;
        assert_error(id, &outcome, (412, "406"), &[id, "not for authentication"]);
    }
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let good = authenticate(&token, KeyType::P256.id());
    for (what, params, words) in [
        ("short", with(&good, "challenge", base64(&[7; 15])), "16 to 1024 bytes"),
        ("long", with(&good, "challenge", base64(&[7; 1025])), "16 to 1024 bytes"),
        ("not base64", with(&good, "challenge", "?".repeat(32)), "base64"),
        ("missing", without(&good, "challenge"), "challenge"),
        // A page has no reason to know the PIN of a login.
        ("pin", with(&good, "pin", PIN), "pin"),
        ("origin", with(&good, "origin", OTHER_ORIGIN), "origin"),
        ("algorithm", with(&good, "algorithm_reference", "sha256"), "algorithm_reference"),
    ] {
        let outcome = page.call("authenticate", params).await;
        assert_error(what, &outcome, (400, "801"), &[words]);
    }
    let outcome = page.call("authenticate", with(&good, "cert_id", "77")).await;
    assert_error("no certificate", &outcome, (412, "404"), &[]);
}
