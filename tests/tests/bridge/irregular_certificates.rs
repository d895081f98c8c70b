//! Certificates that break rules of DER or of RFC 5280. Their keys sign, and pages get them as they
//! are.

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::digest::{digest, from_base64};
use pkcs11_bridge_tests::irregular_certificate::Irregularity;
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, verify_signed_data};
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::json;

use super::certificate_object;

async fn every_irregular_certificate_signs(key_type: KeyType) {
    let token = TestToken::new();
    let key = token.certified_key(key_type);
    let regular = key.certificate_bytes();
    let id = |irregularity: Irregularity| format!("1{:02x}0", irregularity as u8);
    for irregularity in Irregularity::ALL {
        certificate_object::write(&token, &id(irregularity), &irregularity.of(&regular));
    }
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let listed = page.certificates(json!({ "slot_id": token.slot() })).await;
    let hash = digest("sha256", MESSAGE);
    let mut failed = Vec::new();
    for irregularity in Irregularity::ALL {
        let id = id(irregularity);
        let in_list = listed.as_array().unwrap().iter().find(|listed| listed["id"] == *id);
        let shown = from_base64(in_list.expect("a certificate")["base64"].as_str().unwrap());
        let expected = match irregularity {
            Irregularity::Pem | Irregularity::BytesAfter => regular.clone(),
            other => other.of(&regular),
        };
        let is_shown = shown == expected;

        let params = sign_data(&token, &id, "sha256");
        let outcome = page.call("signData", params.clone()).await;
        let signs = match &outcome {
            Ok(signature) => {
                let params = verify_signed_data(&params, signature);
                let signature = from_base64(signature.as_str().unwrap());
                let der = if key_type.is_rsa() {
                    signature
                } else {
                    openssl::der_of_raw_ecdsa(&signature)
                };
                openssl::verifies(&key.certificate(), "sha256", &hash, &der)
                    && page.result("verifySignedData", params).await == true
            }
            Err(_) => false,
        };
        if !is_shown || !signs {
            failed.push(format!("{irregularity:?}: shown {is_shown}, {outcome:?}"));
        }
    }
    assert!(failed.is_empty(), "{key_type:?}:\n{}", failed.join("\n"));
}

#[tokio::test]
async fn ec_keys_of_irregular_certificates_sign() {
    every_irregular_certificate_signs(KeyType::P256).await;
}

#[tokio::test]
async fn rsa_keys_of_irregular_certificates_sign() {
    every_irregular_certificate_signs(KeyType::Rsa2048).await;
}
