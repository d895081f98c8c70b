//! The signing matrix: every key with every algorithm that fits it, verified by OpenSSL
//! and by `verifySignedData`.

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, verify_signed_data, with, without};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::{Value, json};

const HASHES: [&str; 9] = [
    "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512",
];
const RSA_NAMES: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// The `CKA_ID` of a second certificate. Its key has the same type and is not on the token.
const SECOND_CERTIFICATE: &str = "0a";

/// A key on a token, and a page that may use it.
struct Case {
    key_type: KeyType,
    token: TestToken,
    page: Socket,
    _bridge: Bridge,
}

impl Case {
    async fn new(key_type: KeyType) -> Self {
        let token = TestToken::new();
        token.write_certificate(&token.generate_key(key_type, "twin"), Some(SECOND_CERTIFICATE));
        let bridge = Setup::on(&token).start();
        let page = bridge.connect().await;
        Self { key_type, token, page, _bridge: bridge }
    }

    async fn sign(&mut self, algorithm: &str, format: Option<&str>) -> (Value, Vec<u8>) {
        let mut params = sign_data(&self.token, self.key_type.id(), algorithm);
        if let Some(format) = format {
            params = with(&params, "signature_format", format);
        }
        let signature = self.page.result("signData", params.clone()).await;
        (params, from_base64(signature.as_str().expect("base64")))
    }

    /// Asserts that both verifiers accept a signature, and reject it after any single change.
    async fn assert_verified(&mut self, params: &Value, signature: &[u8], der: &[u8]) {
        let algorithm = params["algorithm_reference"].as_str().expect("a name");
        let what = format!("{:?} {algorithm} {}", self.key_type, params["signature_format"]);
        let hash = digest(algorithm, MESSAGE);
        let certificate = self.token.certified_key(self.key_type).certificate();
        assert!(openssl::verifies(&certificate, algorithm, &hash, der), "{what}, by OpenSSL");

        let good = verify_signed_data(params, &json!(base64(signature)));
        let other_hash = base64(&digest(algorithm, b"another message"));
        let mut changed = signature.to_vec();
        *changed.last_mut().expect("a signature has bytes") ^= 1;
        for (change, params, verified) in [
            ("nothing", good.clone(), true),
            ("the hash", with(&good, "data", other_hash), false),
            ("the signature", with(&good, "signature", base64(&changed)), false),
            ("the key", with(&good, "cert_id", SECOND_CERTIFICATE), false),
        ] {
            let answer = self.page.result("verifySignedData", params).await;
            assert_eq!(answer, verified, "{what}, changed: {change}");
        }
    }
}

async fn rsa(key_type: KeyType, len: usize) {
    let mut case = Case::new(key_type).await;
    for algorithm in HASHES.into_iter().chain(RSA_NAMES) {
        let (params, signature) = case.sign(algorithm, None).await;
        assert_eq!(signature.len(), len, "{key_type:?} {algorithm}");
        case.assert_verified(&params, &signature, &signature).await;
    }
}

async fn ec(key_type: KeyType, jwa_name: &str, len: usize) {
    let mut case = Case::new(key_type).await;
    for algorithm in HASHES.into_iter().chain([jwa_name]) {
        for format in [None, Some("raw")] {
            let (params, raw) = case.sign(algorithm, format).await;
            assert_eq!(raw.len(), len, "{key_type:?} {algorithm}");
            case.assert_verified(&params, &raw, &openssl::der_of_raw_ecdsa(&raw)).await;
        }
        let (params, der) = case.sign(algorithm, Some("der")).await;
        case.assert_verified(&params, &der, &der).await;
    }
}

#[tokio::test]
async fn rsa_2048() {
    rsa(KeyType::Rsa2048, 256).await;
}

#[tokio::test]
async fn rsa_3072() {
    rsa(KeyType::Rsa3072, 384).await;
}

#[tokio::test]
async fn p_256() {
    ec(KeyType::P256, "ES256", 64).await;
}

#[tokio::test]
async fn p_384() {
    ec(KeyType::P384, "ES384", 96).await;
}

#[tokio::test]
async fn p_521() {
    ec(KeyType::P521, "ES512", 132).await;
}

#[tokio::test]
async fn ed25519_signs_the_message_itself() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let certificate = token.certified_key(KeyType::Ed25519).certificate();
    for message in [&b"x"[..], MESSAGE, &[7; 100_000]] {
        let params =
            with(&sign_data(&token, KeyType::Ed25519.id(), "sha256"), "data", base64(message));
        let params = with(&params, "algorithm_reference", "EdDSA");
        let signature = page.result("signData", params.clone()).await;
        let bytes = from_base64(signature.as_str().unwrap());
        assert!(openssl::verifies_message(&certificate, message, &bytes));
        let good = verify_signed_data(&params, &signature);
        assert_eq!(page.result("verifySignedData", good.clone()).await, true);
        let wrong = with(&good, "data", base64(b"another message"));
        assert_eq!(page.result("verifySignedData", wrong).await, false);
    }
}

#[tokio::test]
async fn signature_format_does_not_change_an_rsa_signature() {
    let mut case = Case::new(KeyType::Rsa2048).await;
    let (_, plain) = case.sign("sha256", None).await;
    for format in ["raw", "der"] {
        // PKCS#1 v1.5 is deterministic.
        let (params, signature) = case.sign("sha256", Some(format)).await;
        assert_eq!(signature, plain);
        case.assert_verified(&params, &signature, &signature).await;
    }
}

#[tokio::test]
async fn an_algorithm_is_named_in_any_case_and_with_a_hyphen() {
    let mut case = Case::new(KeyType::Rsa2048).await;
    let (_, expected) = case.sign("sha256", None).await;
    for name in ["SHA256", "Sha-256", "SHA-256", "rs256", "RS256"] {
        let params = with(
            &sign_data(&case.token, case.key_type.id(), "sha256"),
            "algorithm_reference",
            name,
        );
        let signature = case.page.result("signData", params).await;
        assert_eq!(signature, base64(&expected), "{name}");
    }
}

#[tokio::test]
async fn data_and_signature_may_come_without_padding() {
    let mut case = Case::new(KeyType::P256).await;
    let (params, signature) = case.sign("ES256", None).await;
    let strip = |text: String| text.trim_end_matches('=').to_owned();
    let data = strip(base64(&digest("ES256", MESSAGE)));
    let params = verify_signed_data(&params, &json!(strip(base64(&signature))));
    assert_eq!(case.page.result("verifySignedData", with(&params, "data", data)).await, true);
}

#[tokio::test]
async fn malformed_signatures_do_not_verify() {
    for (key_type, algorithm, format) in [
        (KeyType::Rsa2048, "PS256", "raw"),
        (KeyType::P256, "ES256", "raw"),
        (KeyType::P256, "ES256", "der"),
    ] {
        let mut case = Case::new(key_type).await;
        let (params, signature) = case.sign(algorithm, Some(format)).await;
        let longer = [signature.as_slice(), &[0]].concat();
        let zeros = vec![0; signature.len()];
        let shorter = &signature[..signature.len() - 1];
        for no_signature in [&[][..], &[0], shorter, &longer, &zeros] {
            let params = verify_signed_data(&params, &json!(base64(no_signature)));
            let answer = case.page.result("verifySignedData", params).await;
            assert_eq!(answer, false, "{key_type:?} {format}, {} bytes", no_signature.len());
        }
    }
}

#[tokio::test]
async fn verifying_needs_neither_a_pin_nor_a_key_on_the_token() {
    let token = TestToken::new();
    let signed_elsewhere = token.generate_key(KeyType::P256, "elsewhere");
    token.write_certificate(&signed_elsewhere, Some("0b"));
    let hash = digest("sha256", MESSAGE);
    let signature = openssl::sign(&signed_elsewhere, &hash);

    let bridge = Setup::on(&token).start();
    let mut page = bridge.connect().await;
    let params = with(&sign_data(&token, "0b", "sha256"), "signature_format", "der");
    let params = verify_signed_data(&params, &json!(base64(&signature)));
    assert_eq!(page.result("verifySignedData", params.clone()).await, true);
    let wrong = with(&params, "data", base64(&digest("sha256", b"another message")));
    assert_eq!(page.result("verifySignedData", wrong).await, false);
}

#[tokio::test]
async fn parallel_signatures_match_their_requests() {
    let mut case = Case::new(KeyType::Rsa2048).await;
    for key_type in &KeyType::ALL[..5] {
        // A login opens one certificate.
        let params = sign_data(&case.token, key_type.id(), "sha256");
        case.page.result("signData", params).await;
    }
    let mut expected = std::collections::HashMap::new();
    for number in 0..48 {
        let key_type = KeyType::ALL[number % 5];
        let hash = digest("sha256", &number.to_le_bytes());
        let params = sign_data(&case.token, key_type.id(), "sha256");
        let params = with(&without(&params, "pin"), "data", base64(&hash));
        let id = case.page.request("signData", params.clone()).await;
        expected.insert(id, (key_type, hash));
    }
    while !expected.is_empty() {
        let (id, outcome) = case.page.reply().await;
        let (key_type, hash) =
            expected.remove(&id.as_u64().unwrap()).expect("one reply to each request");
        let signature = outcome.unwrap_or_else(|error| panic!("{key_type:?}: {error:?}"));
        let mut signature = from_base64(signature.as_str().unwrap());
        if !key_type.is_rsa() {
            signature = openssl::der_of_raw_ecdsa(&signature);
        }
        let certificate = case.token.certified_key(key_type).certificate();
        assert!(openssl::verifies(&certificate, "sha256", &hash, &signature), "{key_type:?}");
    }
}
