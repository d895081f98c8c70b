//! `signDataBatch`: many signatures with one PIN, in the order of their hashes. Each
//! hash that cannot be signed has an error of its own.

use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{KeyType, PIN, WRONG_PIN};
use serde_json::{Value, json};

use super::pin_dialog::{CANCELLED, DialogFixture, WRONG};
use super::pin_fixture::item_of;

/// The hash at a position of the batch.
pub fn hash(number: usize) -> Vec<u8> {
    digest("sha256", format!("number {number} of a batch").as_bytes())
}

/// Parameters of a batch with the PIN.
pub fn batch(fixture: &DialogFixture, key: KeyType, count: usize) -> Value {
    let hashes: Vec<_> = (0..count).map(|number| base64(&hash(number))).collect();
    let params = with(&fixture.with_pin, "cert_id", key.id());
    with(&with(&params, "data", hashes), "signature_format", "der")
}

/// Asserts that the signature at a position belongs to the hash at that position.
#[track_caller]
pub fn assert_signed(fixture: &DialogFixture, key: KeyType, result: &Value, number: usize) {
    let signature = item_of(result, number).unwrap_or_else(|error| panic!("{number}: {error:?}"));
    let signature = from_base64(signature.as_str().expect("base64"));
    let certificate = fixture.token.certified_key(key).certificate();
    assert!(openssl::verifies(&certificate, "sha256", &hash(number), &signature), "{number}");
}

#[tokio::test]
async fn signatures_stand_at_the_positions_of_their_hashes() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    for key in [KeyType::P256, KeyType::Rsa2048] {
        let result = page.result("signDataBatch", batch(&fixture, key, 40)).await;
        assert_eq!(result.as_array().map(Vec::len), Some(40));
        for number in 0..40 {
            assert_signed(&fixture, key, &result, number);
            assert_eq!(result[number].as_object().map(|item| item.len()), Some(1));
        }
    }
    assert_eq!(fixture.pinentry.start_count(), 0);
}

#[tokio::test]
async fn eddsa_signs_whole_messages() {
    let fixture = DialogFixture::new("");
    let messages = [MESSAGE, b"x", &[7; 5000]];
    let params = with(&fixture.with_pin, "cert_id", KeyType::Ed25519.id());
    let params = with(&params, "algorithm_reference", "EdDSA");
    let params = with(&params, "data", messages.map(base64).to_vec());
    let result = fixture.bridge.connect().await.result("signDataBatch", params).await;
    let certificate = fixture.token.certified_key(KeyType::Ed25519).certificate();
    for (number, message) in messages.into_iter().enumerate() {
        let signature = from_base64(item_of(&result, number).unwrap().as_str().unwrap());
        assert!(openssl::verifies_message(&certificate, message, &signature), "{number}");
    }
    assert_eq!(result.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_hash_of_a_wrong_length_fails_alone() {
    let fixture = DialogFixture::new("");
    let mut params = batch(&fixture, KeyType::P256, 20);
    for (at, wrong) in [(7, &b"short"[..]), (11, &[]), (19, &[0; 64])] {
        params["data"][at] = json!(base64(wrong));
    }
    let result = fixture.bridge.connect().await.result("signDataBatch", params).await;
    for number in 0..20 {
        if matches!(number, 7 | 11 | 19) {
            let item = item_of(&result, number);
            assert_error("a wrong length", &item, (400, "801"), &["`data`", "32"]);
            assert_eq!(result[number]["error"]["code"], -32602, "as in an error reply");
        } else {
            assert_signed(&fixture, KeyType::P256, &result, number);
        }
    }
}

#[tokio::test]
async fn a_batch_has_1_to_1000_hashes() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    for (count, words) in [(0, &["`data`", "empty"]), (1001, &["`data`", "1000"])] {
        let params = without(&batch(&fixture, KeyType::P256, count), "pin");
        let outcome = page.call("signDataBatch", params).await;
        assert_error("a number of hashes", &outcome, (400, "801"), words);
    }
    assert_eq!(fixture.pinentry.start_count(), 0, "the user was asked for nothing");
    for count in [1, 1000] {
        let result = page.result("signDataBatch", batch(&fixture, KeyType::P256, count)).await;
        assert_eq!(result.as_array().map(Vec::len), Some(count));
        for number in [0, count / 2, count - 1] {
            assert_signed(&fixture, KeyType::P256, &result, number);
        }
    }
}

#[tokio::test]
async fn an_error_that_affects_all_hashes_fails_the_call() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let good = batch(&fixture, KeyType::P256, 3);
    for (what, params, expected) in [
        ("no certificate", with(&good, "cert_id", "ffff"), (412, "404")),
        ("no slot", with(&good, "slot_id", 4711), (412, "1")),
        ("no such algorithm", with(&good, "algorithm_reference", "sha3"), (400, "801")),
        ("an algorithm of other keys", with(&good, "algorithm_reference", "PS256"), (400, "801")),
        ("no list", with(&good, "data", base64(&hash(0))), (400, "801")),
        ("no base64", with(&good, "data", json!(["no base64!"])), (400, "801")),
        ("no data", without(&good, "data"), (400, "801")),
        ("a field too many", with(&good, "hashes", json!([])), (400, "801")),
        ("a PIN that is too short", with(&good, "pin", "1"), WRONG),
    ] {
        page.request("signDataBatch", params).await;
        let (events, (_, outcome)) = page.reply_after_events().await;
        assert_error(what, &outcome, expected, &[]);
        assert!(events.is_empty(), "{what}: {events:?}");
    }
    assert!(!fixture.token_lost_a_try(&mut page).await);
}

#[tokio::test]
async fn a_wrong_pin_fails_the_call_and_uses_one_try() {
    let fixture = super::pin_fixture::PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = super::pin_counts::TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    let outcome = page.call("signDataBatch", with(&fixture.batch(100), "pin", WRONG_PIN)).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    assert_eq!(fixture.login_results(), [super::pin_fixture::WRONG_LOGIN]);
    page.result("signDataBatch", with(&fixture.batch(100), "pin", PIN)).await;
    page.result("signDataBatch", fixture.batch(100)).await;
    assert_eq!(
        fixture.login_results(),
        [super::pin_fixture::WRONG_LOGIN, super::pin_fixture::RIGHT_LOGIN]
    );
    assert_eq!(fixture.module.count("C_Sign"), 200);
}

#[tokio::test]
async fn without_a_pin_one_dialog_names_the_origin_and_the_count() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let params = without(&batch(&fixture, KeyType::Rsa2048, 250), "pin");
    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signDataBatch", params.clone()).await;
    assert_error("cancelled", &outcome, CANCELLED, &[]);
    fixture.pinentry.answer(Answer::pin(WRONG_PIN));
    fixture.pinentry.answer(Answer::pin(PIN));
    let result = page.result("signDataBatch", params).await;
    assert_signed(&fixture, KeyType::Rsa2048, &result, 249);
    for dialog in fixture.pinentry.assert_dialogs(3) {
        for words in ["https://app.example", "250 SHA-256 hashes", "CN=RSA-2048", "Test token"] {
            assert!(dialog.description().contains(words), "{words}: {dialog:#?}");
        }
    }
}
