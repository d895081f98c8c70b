//! Each method, on a token in software.

use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{verify_signed_data, with, without};
use pkcs11_bridge_tests::token::KeyType;
use pkcs11_bridge_tests::wine::bridge::Setup;
use pkcs11_bridge_tests::wine::software_token::{NAME, SLOT, TestSoftwareToken, sign_data};
use serde_json::{Value, json};

#[tokio::test]
async fn pages_read_the_token() {
    let token = TestSoftwareToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let hello = page.result("hello", json!({})).await;
    assert_eq!(hello["name"], "pkcs11-bridge");
    let modules = page.result("modules", json!({})).await;
    assert_eq!(modules[0]["name"], NAME);
    let info = page.result("info", json!({})).await;
    assert_eq!(info["library_description"], "Token in software");
    let slots = page.result("slots", json!({ "token_present": true })).await;
    assert_eq!((&slots[0]["slot_id"], slots.as_array().map(Vec::len)), (&json!(SLOT), Some(1)));
    let tokens = page.result("token", json!({ "slot_id": SLOT })).await;
    assert_eq!(tokens["label"], "Software");
    let certificates = page.certificates(json!({ "slot_id": SLOT })).await;
    let ids: Vec<_> = certificates.as_array().expect("a list").iter().map(|c| &c["id"]).collect();
    assert_eq!(ids, [KeyType::Rsa2048.id(), KeyType::P256.id()]);
    assert_eq!(bridge.workers().len(), 1);
    page.close().await;
    bridge.wait_for_no_worker();
}

#[tokio::test]
async fn pages_sign_with_each_algorithm() {
    let token = TestSoftwareToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    for (key, algorithm) in [
        (KeyType::Rsa2048, "sha256"),
        (KeyType::Rsa2048, "sha384"),
        (KeyType::Rsa2048, "sha512"),
        (KeyType::Rsa2048, "PS256"),
        (KeyType::P256, "sha256"),
    ] {
        let params = sign_data(key, algorithm);
        let signature = page.result("signData", params.clone()).await;
        let verified = page.result("verifySignedData", verify_signed_data(&params, &signature));
        assert_eq!(verified.await, true, "{key:?} {algorithm}");
    }
    page.result("logout", json!({ "slot_id": SLOT })).await;
}

#[tokio::test]
async fn pages_sign_a_batch() {
    let token = TestSoftwareToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let params = sign_data(KeyType::P256, "sha256");
    let data = params["data"].clone();
    let batch = with(&without(&params, "data"), "data", json!([data, data, data]));
    let result = page.result("signDataBatch", batch).await;
    let signatures = first_list(&result);
    assert_eq!(signatures.len(), 3, "{result}");
}

/// The list of a result, wherever it stands.
fn first_list(result: &Value) -> &[Value] {
    match result {
        Value::Array(list) => list,
        Value::Object(fields) => fields.values().find_map(Value::as_array).expect("a list"),
        _ => panic!("no list in {result}"),
    }
}

#[tokio::test]
async fn a_wrong_pin_is_counted() {
    let token = TestSoftwareToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let params = with(&sign_data(KeyType::Rsa2048, "sha256"), "pin", "00112233");
    let outcome = page.call("signData", params).await;
    assert_error("a wrong PIN", &outcome, (412, "106"), &["pin"]);
    // The next PIN comes from the user.
    let outcome = page.call("signData", sign_data(KeyType::Rsa2048, "sha256")).await;
    assert_error("the right PIN after it", &outcome, (412, "104"), &["wrong pin"]);
}
