//! Signatures with each kind of key, in each place of a card.

use pkcs11_bridge_tests::card_reader::{CardModule, Keys, P256_FIRST, P384_FIRST, RSA_FIRST};
use pkcs11_bridge_tests::digest::{base64, digest};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{KeyType, PIN};
use serde_json::Value;

use super::fixture::CardFixture;

fn algorithms(key_type: KeyType) -> &'static [&'static str] {
    match key_type {
        KeyType::P256 => &["ES256", "sha256", "sha1"],
        KeyType::P384 => &["ES384", "sha384", "sha256", "sha1"],
        _ => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "sha1", "sha256", "sha512"],
    }
}

async fn signs_with_each_key(module: CardModule, keys: &Keys) {
    let Some(fixture) = CardFixture::start(module, keys).await else { return };
    let mut page = fixture.bridge.connect().await;
    for &(slot, key_type) in keys {
        let key = fixture.key(&mut page, key_type).await;
        for algorithm in algorithms(key_type) {
            let what = format!("{module:?} {slot:?} {key_type:?} {algorithm}");
            let outcome = key.sign(&mut page, algorithm, Some(PIN)).await;
            key.assert_signed(&what, algorithm, &outcome);
        }
    }
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn opensc_signs_with_rsa_in_front() {
    signs_with_each_key(CardModule::OpenSc, RSA_FIRST).await;
}

#[tokio::test]
async fn opensc_signs_with_p_256_in_front() {
    signs_with_each_key(CardModule::OpenSc, P256_FIRST).await;
}

#[tokio::test]
async fn opensc_signs_with_p_384_in_front() {
    signs_with_each_key(CardModule::OpenSc, P384_FIRST).await;
}

#[tokio::test]
async fn ykcs11_signs_with_rsa_in_front() {
    signs_with_each_key(CardModule::YkCs11, RSA_FIRST).await;
}

#[tokio::test]
async fn ykcs11_signs_with_p_256_in_front() {
    signs_with_each_key(CardModule::YkCs11, P256_FIRST).await;
}

#[tokio::test]
async fn ykcs11_signs_with_p_384_in_front() {
    signs_with_each_key(CardModule::YkCs11, P384_FIRST).await;
}

/// The key for signatures wants the PIN before each of them. The user enters it each time. OpenSC
/// sends a right PIN more than once.
#[tokio::test]
async fn the_key_for_signatures_asks_each_time() {
    for module in CardModule::ALL {
        let Some(fixture) = CardFixture::start(module, RSA_FIRST).await else { return };
        let mut page = fixture.bridge.connect().await;
        let key = fixture.key(&mut page, KeyType::P256).await;
        for (number, what) in (0..).zip(["the first", "the second", "the third"]) {
            let dialogs = fixture.pinentry.dialogs().len();
            for _ in 0..if number == 0 { 2 } else { 1 } {
                fixture.pinentry.answer(Answer::pin(PIN));
            }
            let outcome = key.sign(&mut page, "sha256", None).await;
            key.assert_signed(what, "sha256", &outcome);
            let asked = fixture.pinentry.dialogs().len() - dialogs;
            assert!((1..=2).contains(&asked), "{module:?} {what}: {asked} dialogs");
            assert!(number == 0 || asked == 1, "{module:?} {what}: {asked} dialogs");
        }
        assert_eq!(fixture.reader.card().tries_left(), 3, "{module:?}");
    }
}

/// One PIN is enough for fifty signatures with the key for authentication.
#[tokio::test]
async fn one_pin_signs_a_batch_of_fifty() {
    for module in CardModule::ALL {
        for (keys, key_type) in [(RSA_FIRST, KeyType::Rsa2048), (P256_FIRST, KeyType::P256)] {
            let Some(fixture) = CardFixture::start(module, keys).await else { return };
            let mut page = fixture.bridge.connect().await;
            let key = fixture.key(&mut page, key_type).await;
            let hash = |number: usize| digest("sha256", format!("number {number}").as_bytes());
            let hashes: Vec<_> = (0..50).map(|number| base64(&hash(number))).collect();
            let params = with(&key.params, "algorithm_reference", "sha256");
            fixture.pinentry.answer(Answer::pin(PIN));
            let items: Value = page.result("signDataBatch", with(&params, "data", hashes)).await;
            for number in 0..50 {
                let what = format!("{module:?} {key_type:?} {number}: {}", items[number]);
                let signature = &items[number]["signature"];
                assert!(signature.is_string(), "{what}");
                key.assert_signature(&what, "sha256", &hash(number), signature);
            }
            fixture.pinentry.assert_dialogs(1);
            fixture.assert_pins("a batch", 1, 3);
        }
    }
}
