//! Keys that are only for authentication sign no data that a page chooses: a page could log in
//! elsewhere as the user. The administrator can allow it.

use pkcs11_bridge_tests::bridge::{ORIGIN, Setup};
use pkcs11_bridge_tests::digest::{base64, digest};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::pinentry::Pinentry;
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, TestToken, Usage, fingerprint_id};
use serde_json::{Value, json};

/// The `CKA_ID` of a key for authentication.
const LOGIN: &str = "0d";

/// A token with a key for authentication.
fn token_with_login_key() -> (TestToken, CertifiedKey) {
    let token = TestToken::new();
    let key = token.add_key(Usage::Authentication, KeyType::P256, "login", LOGIN);
    (token, key)
}

fn batch(params: &Value) -> Value {
    with(params, "data", json!([base64(&digest("sha256", MESSAGE))]))
}

const REFUSED: [&str; 3] = ["only for authentication", "`authenticate`", "certificate 0d"];

/// The hash that the client signs in a TLS 1.2 handshake (`CertificateVerify`, RFC 5246, section
/// 7.4.8) is a hash like any other.
#[tokio::test]
async fn an_authentication_key_signs_no_tls_handshake() {
    let (token, key) = token_with_login_key();
    let pinentry = Pinentry::new();
    let bridge = Setup::on(&token).pinentry(&pinentry).start();
    let mut page = bridge.connect().await;
    let handshake = digest("sha256", b"ClientHello to ClientKeyExchange with https://bank.example");
    let by_fingerprint = fingerprint_id(&key.certificate_bytes());
    // The key stays refused after a login with another key.
    page.result("signData", sign_data(&token, KeyType::P256.id(), "sha256")).await;
    for cert_id in [LOGIN, "0D"] {
        for algorithm in ["sha256", "ES256"] {
            let params = with(&sign_data(&token, cert_id, algorithm), "data", base64(&handshake));
            for params in [without(&params, "pin"), params] {
                let outcome = page.call("signData", params.clone()).await;
                assert_error("one", &outcome, (412, "406"), &REFUSED[..2]);
                let outcome = page.call("signDataBatch", batch(&params)).await;
                assert_error("batch", &outcome, (412, "406"), &REFUSED[..2]);
            }
        }
    }
    let outcome = page.call("signData", sign_data(&token, &by_fingerprint, "sha256")).await;
    assert_error("another name", &outcome, (412, "404"), &[]);
    assert_eq!(pinentry.start_count(), 0);
}

#[tokio::test]
async fn a_rule_allows_signatures_with_an_authentication_key() {
    let (token, key) = token_with_login_key();
    let params = sign_data(&token, LOGIN, "sha256");
    let fingerprint = fingerprint_id(&key.certificate_bytes());
    for (scope, allowed) in [
        (format!("origin = \"{ORIGIN}\""), true),
        ("origin = \"https://other.example\"".to_owned(), false),
        (format!("certificate = \"{fingerprint}\""), true),
        (format!("certificate = \"sha256:{}\"", "0".repeat(64)), false),
        (format!("origin = \"{ORIGIN}\"\ncertificate = \"{fingerprint}\""), true),
    ] {
        let rule = format!("[[rules]]\n{scope}\nsign_with_authentication_keys = true\n");
        let bridge = Setup::on(&token).config(&rule).start();
        let mut page = bridge.connect().await;
        let (one, many) = (
            page.call("signData", params.clone()).await,
            page.call("signDataBatch", batch(&params)).await,
        );
        if allowed {
            one.unwrap_or_else(|error| panic!("{scope}: {error:?}"));
            many.unwrap_or_else(|error| panic!("{scope}: {error:?}"));
        } else {
            assert_error(&scope, &one, (412, "406"), &REFUSED);
            assert_error(&scope, &many, (412, "406"), &REFUSED);
        }
    }
}

#[tokio::test]
async fn keys_for_signatures_and_for_non_repudiation_sign() {
    let token = TestToken::new();
    token.add_key(Usage::NonRepudiation, KeyType::P256, "contract", "0e");
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    for cert_id in [KeyType::P256.id(), "0e"] {
        page.result("signData", sign_data(&token, cert_id, "sha256")).await;
    }
}

#[test]
fn faulty_rules_are_named() {
    for (rule, words) in [
        ("sign_with_authentication_keys = true", ["rule 1", "add `origin` or `certificate`"]),
        ("origin = \"https://app.example\"", ["rule 1", "sets nothing"]),
        ("origin = \"https://app.example\"\nsing = true", ["unknown field `sing`", "line 3"]),
        ("origin = \"app.example\"", ["app.example", "line 2"]),
        ("certificate = \"01\"", ["sha256:", "line 2"]),
    ] {
        let finished = Setup::new().config(&format!("[[rules]]\n{rule}\n")).run_to_end();
        assert_eq!(finished.code, Some(2), "{rule}: {}", finished.stderr);
        for word in words {
            assert!(finished.stderr.contains(word), "{rule}: {}", finished.stderr);
        }
    }
}
