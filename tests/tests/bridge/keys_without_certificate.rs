//! Keys that have no certificate on the token: `keys` lists them, and pages sign with them.

use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, verify_signed_data, with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, PIN, TestToken, Usage, WRONG_PIN, key_id};
use serde_json::{Value, json};

use super::pin_fixture::{
    CANCELLED, PinFixture, RIGHT_FOR_ONE, RIGHT_LOGIN, WRONG_LOGIN, assert_signature, item_of,
};

const NOT_FOUND: (u16, &str) = (412, "404");
const NOT_FOR_THIS: (u16, &str) = (412, "406");

/// Adds a key pair without a certificate.
fn add_pair(token: &TestToken, key_type: KeyType, name: &str, id: &str) -> CertifiedKey {
    let key = token.generate_key(key_type, name);
    token.write_key_pair(&key, id);
    key
}

/// A fixture with one such key, on P-256.
fn with_key() -> (PinFixture, CertifiedKey) {
    let token = TestToken::new();
    let key = add_pair(&token, KeyType::P256, "web", "b1");
    (PinFixture::on(token), key)
}

/// Parameters of `signData` with a key, with the right PIN.
fn signing(token: &TestToken, key: &CertifiedKey) -> Value {
    sign_data(token, &key_id(&openssl::public_key(&key.certificate())), "sha256")
}

fn labels(list: &Value) -> Vec<&str> {
    let keys = list["keys"].as_array().expect("an array");
    let mut labels: Vec<_> = keys.iter().map(|key| key["label"].as_str().expect("text")).collect();
    labels.sort_unstable();
    labels
}

#[tokio::test]
async fn keys_are_listed_after_a_login_and_sign() {
    let token = TestToken::new();
    let added = [
        (add_pair(&token, KeyType::Rsa2048, "RSA web", "b1"), "sha256", json!(["RSA", 2048, null])),
        (add_pair(&token, KeyType::P256, "web P-256", "b2"), "sha256", json!(["EC", 256, "P-256"])),
        (
            add_pair(&token, KeyType::Ed25519, "web EdDSA", "b3"),
            "EdDSA",
            json!(["Ed25519", 256, null]),
        ),
    ];
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    let slot = json!({ "slot_id": fixture.token.slot() });
    assert_eq!(
        page.result("keys", slot.clone()).await,
        json!({ "keys": [], "login_required": true })
    );
    fixture.pinentry.answer(Answer::pin(PIN));
    let list = page.result("keys", with(&slot, "login", true)).await;
    assert_eq!(labels(&list), ["RSA web", "web EdDSA", "web P-256"], "no key with a certificate");
    assert_eq!(list["login_required"], false);
    assert_eq!(page.result("keys", slot).await, list);
    let dialogs = fixture.pinentry.assert_dialogs(1);
    let text = dialogs[0].description();
    assert!(text.contains("Enter the PIN to show keys"), "{text}");
    assert!(text.contains("which keys the token has"), "{text}");
    for (key, algorithm, kind) in &added {
        let info = openssl::public_key(&key.certificate());
        let keys = list["keys"].as_array().expect("an array");
        let listed = keys.iter().find(|listed| listed["label"] == key.name()).expect("the key");
        assert_eq!(listed["id"], key_id(&info));
        assert_eq!(listed["public_key"], base64(&info));
        assert_eq!(json!([listed["key_type"], listed["key_size"], listed["curve"]]), *kind);

        let params = with(&signing(&fixture.token, key), "algorithm_reference", *algorithm);
        let is_hashed = *algorithm != "EdDSA";
        let data = if is_hashed { digest(algorithm, MESSAGE) } else { MESSAGE.to_vec() };
        let params = with(&params, "data", base64(&data));
        let signature = page.result("signData", params.clone()).await;
        if is_hashed {
            assert_signature(key.name(), key, &data, &signature);
        } else {
            let bytes = from_base64(signature.as_str().expect("base64"));
            assert!(openssl::verifies_message(&key.certificate(), MESSAGE, &bytes));
        }
        let check = verify_signed_data(&params, &signature);
        assert_eq!(page.result("verifySignedData", check.clone()).await, true);
        let wrong = with(&check, "data", base64(&digest("sha256", b"another")));
        assert_eq!(page.result("verifySignedData", wrong).await, false);
        let params = with(&without(&params, "data"), "message", base64(MESSAGE));
        page.result("signData", params).await;
    }
    fixture.pinentry.assert_dialogs(1);
}

/// The token makes the keys itself.
#[tokio::test]
async fn keys_that_the_token_generated_sign() {
    let token = TestToken::new();
    for (key_type, label, id) in [
        ("rsa:2048", "made RSA", "c1"),
        ("EC:prime256v1", "made EC", "c2"),
        ("EC:edwards25519", "made EdDSA", "c3"),
    ] {
        token.pkcs11_tool([
            "--token-label",
            "Test token",
            "--login",
            "--pin",
            PIN,
            "--keypairgen",
            "--key-type",
            key_type,
            "--label",
            label,
            "--id",
            id,
        ]);
    }
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let params = json!({ "slot_id": fixture.token.slot(), "login": true });
    let list = page.result("keys", params).await;
    assert_eq!(labels(&list), ["made EC", "made EdDSA", "made RSA"]);
    for key in list["keys"].as_array().expect("an array") {
        if key["key_type"] == "Ed25519" {
            assert_eq!(key["key_size"], 256);
            continue;
        }
        let id = key["id"].as_str().expect("text");
        let params = sign_data(&fixture.token, &id.to_uppercase(), "sha256");
        let signature = page.result("signData", params).await;
        let mut signature = from_base64(signature.as_str().expect("base64"));
        if key["key_type"] == "EC" {
            signature = openssl::der_of_raw_ecdsa(&signature);
        }
        let info = from_base64(key["public_key"].as_str().expect("base64"));
        let hash = digest("sha256", MESSAGE);
        assert!(openssl::verifies_by_key(&info, "sha256", &hash, &signature), "{key}");
    }
}

#[tokio::test]
async fn the_user_is_asked_for_each_signature_or_batch() {
    let (fixture, key) = with_key();
    let mut page = fixture.bridge.connect().await;
    let params = without(&signing(&fixture.token, &key), "pin");
    for count in 1..=2 {
        fixture.pinentry.answer(Answer::pin(PIN));
        let signature = page.result("signData", params.clone()).await;
        assert_signature("one", &key, &digest("sha256", MESSAGE), &signature);
        let dialogs = fixture.pinentry.assert_dialogs(count);
        let text = dialogs[count - 1].description();
        assert!(text.contains("Key without a certificate: "), "{text}");
        let id = key_id(&openssl::public_key(&key.certificate()));
        let digits = &id[.."key:".len() + 16];
        assert!(text.contains(&format!("EC P-256 · {digits}…")), "{text}");
        assert!(!text.contains("Certificate:"), "{text}");
    }
    fixture.pinentry.answer(Answer::pin(PIN));
    let hashes: Vec<_> = (0..3).map(|number| digest("sha256", &[number])).collect();
    let data: Vec<_> = hashes.iter().map(|hash| base64(hash)).collect();
    let items = page.result("signDataBatch", with(&params, "data", json!(data))).await;
    for (at, hash) in hashes.iter().enumerate() {
        assert_signature("batch", &key, hash, &item_of(&items, at).expect("a signature"));
    }
    fixture.pinentry.answer(Answer::cancel());
    assert_error("no", &page.call("signData", params).await, CANCELLED, &[]);
    fixture.pinentry.assert_dialogs(4);
}

#[tokio::test]
async fn a_rule_names_a_key() {
    let token = TestToken::new();
    let key = add_pair(&token, KeyType::P256, "web", "b1");
    let params = without(&signing(&token, &key), "pin");
    let rule = format!("[[rules]]\nkey = {}\nask = \"login\"", params["cert_id"]);
    let fixture = PinFixture::configured_on(token, &rule);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    for _ in 0..3 {
        page.result("signData", params.clone()).await;
    }
    let dialogs = fixture.pinentry.assert_dialogs(1);
    let text = dialogs[0].description();
    assert!(text.contains("With this key, the site can then sign more"), "{text}");
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}

#[tokio::test]
async fn a_key_proves_no_identity() {
    let (fixture, key) = with_key();
    let mut page = fixture.bridge.connect().await;
    let params = signing(&fixture.token, &key);
    let params = json!({
        "slot_id": params["slot_id"], "cert_id": params["cert_id"], "challenge": base64(&[7; 32]),
    });
    let outcome = page.call("authenticate", params).await;
    assert_error("authenticate", &outcome, NOT_FOR_THIS, &["has no certificate"]);
    fixture.pinentry.assert_dialogs(0);
    fixture.module.assert_logins(0);
}

#[tokio::test]
async fn an_unknown_id_says_what_to_do() {
    let (fixture, _) = with_key();
    let mut page = fixture.bridge.connect().await;
    let certified = fixture.token.certified_key(KeyType::P256);
    for cert_id in [
        key_id(b"another key"),
        "key:b1".to_owned(),
        "key:".to_owned(),
        // It has a certificate.
        key_id(&openssl::public_key(&certified.certificate())),
    ] {
        let params = with(&fixture.with_pin(), "cert_id", cert_id.as_str());
        let outcome = page.call("signData", params).await;
        let words = ["ask for the keys again", "pass the certificate's id"];
        assert_error(&cert_id, &outcome, NOT_FOUND, &words);
    }
}

/// The certificate would forbid the signature.
#[tokio::test]
async fn a_certificate_that_a_login_shows_counts() {
    let token = TestToken::new();
    let key = token.generate_key_for(Usage::Authentication, KeyType::P256, "hidden");
    token.write_private_key(&key, Some("b1"));
    token.write_public_key(&key, Some("b1"));
    let mut write = tool(env!("CARGO_BIN_EXE_write-certificate"));
    write.env("SOFTHSM2_CONF", token.configuration());
    run(write.arg("b1").arg(key.certificate_der()).arg("private"));
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    let params = signing(&fixture.token, &key);
    for _ in 0..2 {
        let outcome = page.call("signData", params.clone()).await;
        assert_error("with a certificate", &outcome, NOT_FOUND, &["the certificate's id"]);
    }
    let outcome = page.call("signDataBatch", with(&params, "data", json!([params["data"]]))).await;
    assert_error("a batch", &outcome, NOT_FOUND, &["the certificate's id"]);
    assert_eq!(fixture.module.calls_of("C_SignInit").len(), 0);
}

#[tokio::test]
async fn keys_with_one_id_are_told_apart() {
    let token = TestToken::new();
    let keys = [
        add_pair(&token, KeyType::P256, "first", "b1"),
        add_pair(&token, KeyType::P256, "second", "b1"),
        add_pair(&token, KeyType::Rsa2048, "RSA", "b1"),
    ];
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let params = json!({ "slot_id": fixture.token.slot(), "login": true });
    assert_eq!(labels(&page.result("keys", params).await), ["RSA", "first", "second"]);
    for key in keys.iter().chain(&keys) {
        let signature = page.result("signData", signing(&fixture.token, key)).await;
        assert_signature(key.name(), key, &digest("sha256", MESSAGE), &signature);
    }
}

/// The bridge could not check its signatures.
#[tokio::test]
async fn a_key_without_a_public_key_is_not_offered() {
    let token = TestToken::new();
    let (ec, rsa) =
        (token.generate_key(KeyType::P256, "EC"), token.generate_key(KeyType::Rsa2048, "RSA"));
    token.write_private_key(&ec, Some("b1"));
    token.write_private_key(&rsa, Some("b2"));
    // A public key alone signs nothing.
    let alone = token.generate_key(KeyType::P384, "alone");
    token.write_public_key(&alone, Some("b3"));
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let params = json!({ "slot_id": fixture.token.slot(), "login": true });
    assert_eq!(labels(&page.result("keys", params).await), ["RSA"]);
    let signature = page.result("signData", signing(&fixture.token, &rsa)).await;
    assert_signature("RSA", &rsa, &digest("sha256", MESSAGE), &signature);
    let outcome = page.call("signData", signing(&fixture.token, &ec)).await;
    assert_error("EC", &outcome, NOT_FOUND, &[]);
    let outcome = page.call("signData", signing(&fixture.token, &alone)).await;
    assert_error("alone", &outcome, NOT_FOUND, &["no private key"]);
}

#[tokio::test]
async fn a_wrong_pin_is_sent_once() {
    let (fixture, key) = with_key();
    let mut page = fixture.bridge.connect().await;
    let params = with(&signing(&fixture.token, &key), "pin", WRONG_PIN);
    assert_error("wrong", &page.call("signData", params).await, (412, "106"), &[]);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN]);
}

#[tokio::test]
async fn a_key_may_want_a_pin_for_each_signature() {
    let token = TestToken::new();
    let key = token.generate_key(KeyType::P256, "careful");
    token.write_private_key_that_always_authenticates(&key, Some("b1"));
    token.write_public_key(&key, Some("b1"));
    let fixture = PinFixture::on(token);
    let mut page = fixture.bridge.connect().await;
    let params = without(&signing(&fixture.token, &key), "pin");
    for _ in 0..2 {
        fixture.pinentry.answer(Answer::pin(PIN));
    }
    let signature = page.result("signData", params).await;
    assert_signature("careful", &key, &digest("sha256", MESSAGE), &signature);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, RIGHT_FOR_ONE]);
}
