//! Forms of signatures and inputs that tokens have beside those of the standard.

use cryptoki_sys::{CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::test_module::{Quirks, SignatureForm};
use pkcs11_bridge_tests::token::{KeyType, PIN};
use serde_json::json;

use super::fault_fixture::FaultFixture;

const EC: [KeyType; 3] = [KeyType::P256, KeyType::P384, KeyType::P521];

#[tokio::test]
async fn an_ecdsa_signature_in_der_is_turned_into_the_wanted_form() {
    let fixture = FaultFixture::new();
    let signature_form = SignatureForm::EcdsaInDer;
    fixture.module.set_quirks(Quirks { signature_form, ..Quirks::default() });
    let mut page = fixture.bridge.connect().await;
    for (key_type, raw_len) in EC.into_iter().zip([64, 96, 132]) {
        let certificate = fixture.token.certified_key(key_type).certificate();
        let hash = digest("sha256", MESSAGE);
        // Twice: the worker checks only the first one.
        for _ in 0..2 {
            let params = sign_data(&fixture.token, key_type.id(), "sha256");
            let raw = page.result("signData", params.clone()).await;
            let raw = from_base64(raw.as_str().unwrap());
            assert_eq!(raw.len(), raw_len);
            let der = openssl::der_of_raw_ecdsa(&raw);
            assert!(openssl::verifies(&certificate, "sha256", &hash, &der), "{key_type:?}");
            let der = page.result("signData", with(&params, "signature_format", "der")).await;
            let der = from_base64(der.as_str().unwrap());
            assert!(openssl::verifies(&certificate, "sha256", &hash, &der), "{key_type:?}");
        }
    }
}

#[tokio::test]
async fn an_rsa_signature_without_leading_zeros_is_padded() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    // One in 256 signatures begins with a zero byte. PKCS#1 v1.5 is deterministic.
    let one = sign_data(&fixture.token, KeyType::Rsa2048.id(), "sha256");
    let mut found = None;
    for round in 0..40_u32 {
        let hashes: Vec<Vec<u8>> = (0..128_u32)
            .map(|number| digest("sha256", &(round << 8 | number).to_be_bytes()))
            .collect();
        let data: Vec<String> = hashes.iter().map(|hash| base64(hash)).collect();
        let items = page.result("signDataBatch", with(&one, "data", json!(data))).await;
        let begins_with_zero = |at: &usize| {
            from_base64(items[*at]["signature"].as_str().expect("a signature"))[0] == 0
        };
        if let Some(at) = (0..hashes.len()).find(begins_with_zero) {
            found = Some(hashes[at].clone());
            break;
        }
    }
    let hash = found.expect("one of 5120 signatures begins with a zero byte");
    let signature_form = SignatureForm::WithoutLeadingZeros;
    fixture.module.set_quirks(Quirks { signature_form, ..Quirks::default() });
    let signature = page.result("signData", with(&one, "data", base64(&hash))).await;
    let signature = from_base64(signature.as_str().unwrap());
    assert_eq!((signature.len(), signature[0]), (256, 0));
    let certificate = fixture.token.certified_key(KeyType::Rsa2048).certificate();
    assert!(openssl::verifies(&certificate, "sha256", &hash, &signature));
}

/// FIPS 186-5, section 6.4.1.
#[tokio::test]
async fn the_bridge_cuts_a_hash_to_the_order_of_the_curve() {
    let fixture = FaultFixture::new();
    let mut page = fixture.bridge.connect().await;
    for (key_type, max) in [(KeyType::P256, 32), (KeyType::P384, 48), (KeyType::P521, 66)] {
        fixture.module.set_quirks(Quirks { max_ecdsa_input: Some(max), ..Quirks::default() });
        let certificate = fixture.token.certified_key(key_type).certificate();
        for algorithm in ["sha1", "sha256", "sha384", "sha512"] {
            let params = sign_data(&fixture.token, key_type.id(), algorithm);
            let raw = page.result("signData", params).await;
            let der = openssl::der_of_raw_ecdsa(&from_base64(raw.as_str().unwrap()));
            let hash = digest(algorithm, MESSAGE);
            let verified = openssl::verifies(&certificate, algorithm, &hash, &der);
            assert!(verified, "{key_type:?} {algorithm}");
        }
    }
}

/// What a token lists is a hint.
#[tokio::test]
async fn an_algorithm_that_the_token_does_not_list_is_tried() {
    let fixture = FaultFixture::new();
    let unlisted_mechanisms = vec![CKM_RSA_PKCS_PSS, CKM_RSA_PKCS, CKM_ECDSA];
    fixture.module.set_quirks(Quirks { unlisted_mechanisms, ..Quirks::default() });
    let mut page = fixture.bridge.connect().await;
    for (key_type, algorithm) in
        [(KeyType::Rsa2048, "PS256"), (KeyType::Rsa2048, "RS256"), (KeyType::P256, "ES256")]
    {
        let params = sign_data(&fixture.token, key_type.id(), algorithm);
        let params = with(&params, "signature_format", "der");
        let signature = page.result("signData", params).await;
        let certificate = fixture.token.certified_key(key_type).certificate();
        let (hash, signature) =
            (digest(algorithm, MESSAGE), from_base64(signature.as_str().unwrap()));
        assert!(openssl::verifies(&certificate, algorithm, &hash, &signature), "{algorithm}");
    }
}

#[tokio::test]
async fn the_bridge_pads_for_a_token_that_only_calculates() {
    let fixture = FaultFixture::new();
    let refused_mechanisms = vec![CKM_RSA_PKCS, CKM_RSA_PKCS_PSS];
    fixture.module.set_quirks(Quirks { refused_mechanisms, ..Quirks::default() });
    let mut page = fixture.bridge.connect().await;
    for key_type in [KeyType::Rsa2048, KeyType::Rsa3072] {
        let certificate = fixture.token.certified_key(key_type).certificate();
        for algorithm in ["sha1", "sha256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
            let params = sign_data(&fixture.token, key_type.id(), algorithm);
            let signature = page.result("signData", params).await;
            let (hash, signature) =
                (digest(algorithm, MESSAGE), from_base64(signature.as_str().unwrap()));
            assert!(openssl::verifies(&certificate, algorithm, &hash, &signature), "{algorithm}");
        }
    }
}

/// `CKF_LOGIN_REQUIRED` is a hint too: SoftHSM shows its private keys only after a login.
#[tokio::test]
async fn a_pin_is_asked_for_although_the_token_says_that_it_needs_none() {
    let fixture = super::pin_fixture::PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = cryptoki_sys::CKF_LOGIN_REQUIRED);
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign(&mut page).await;
    fixture.assert_signed("after the PIN", &outcome);
    fixture.pinentry.assert_dialogs(1);
    fixture.module.assert_logins(1);
    fixture.assert_signed("with the login", &fixture.sign(&mut page).await);
    fixture.assert_signed(
        "with the PIN of the page",
        &page.call("signData", fixture.with_pin()).await,
    );
    fixture.pinentry.assert_dialogs(1);
    fixture.module.assert_logins(1);
    // A batch needs the login before its first signature.
    fixture.pinentry.answer(Answer::pin(PIN));
    let mut other = fixture.bridge.connect_as(super::pin_fixture::OTHER).await;
    let params = without(&sign_data(&fixture.token, KeyType::P256.id(), "sha256"), "pin");
    let params = with(&params, "data", json!([base64(&digest("sha256", MESSAGE))]));
    let items = other.result("signDataBatch", params).await;
    assert!(items[0]["signature"].is_string(), "{items}");
    fixture.module.assert_logins(2);
}
