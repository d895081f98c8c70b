//! Keys that few tokens have: on curves of RFC 5639 and SEC 2, on a curve that the certificate
//! describes itself, and RSA keys for PSS only.

use std::process::Command;

use pkcs11_bridge_tests::asn1::{Asn1, Lengths};
use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::irregular_certificate::with_key_algorithm;
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, verify_signed_data, with};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, TestToken, Usage};

use super::certificate_object;

struct Case {
    token: TestToken,
    page: Socket,
    _bridge: Bridge,
}

impl Case {
    async fn new(token: TestToken) -> Self {
        let bridge = Setup::on(&token).start();
        let page = bridge.connect().await;
        Self { token, page, _bridge: bridge }
    }

    /// Signs with an algorithm. OpenSSL checks the signature as one of `verified_as`.
    async fn assert_signs(
        &mut self,
        key: &CertifiedKey,
        id: &str,
        algorithm: &str,
        verified_as: &str,
    ) {
        let params = sign_data(&self.token, id, algorithm);
        let signature = self.page.result("signData", params.clone()).await;
        let raw = from_base64(signature.as_str().expect("base64"));
        let (what, hash) = (format!("{} {algorithm}", key.name()), digest(algorithm, MESSAGE));
        let is_rsa = raw.len() == 256;
        let checked = if is_rsa { raw.clone() } else { openssl::der_of_raw_ecdsa(&raw) };
        assert!(openssl::verifies(&key.certificate(), verified_as, &hash, &checked), "{what}");

        let good = verify_signed_data(&params, &signature);
        assert_eq!(self.page.result("verifySignedData", good.clone()).await, true, "{what}");
        let mut changed = raw;
        *changed.last_mut().expect("a signature has bytes") ^= 1;
        for wrong in [
            with(&good, "data", base64(&digest(algorithm, b"another message"))),
            with(&good, "signature", base64(&changed)),
        ] {
            assert_eq!(self.page.result("verifySignedData", wrong).await, false, "{what}");
        }
        if !is_rsa {
            let params = with(&params, "signature_format", "der");
            let der = self.page.result("signData", params).await;
            let der = from_base64(der.as_str().expect("base64"));
            assert!(openssl::verifies(&key.certificate(), verified_as, &hash, &der), "{what} DER");
        }
    }

    async fn assert_refused(
        &mut self,
        id: &str,
        algorithm: &str,
        row: (u16, &str),
        words: &[&str],
    ) {
        let params = sign_data(&self.token, id, algorithm);
        let outcome = self.page.call("signData", params).await;
        assert_error(&format!("{id} {algorithm}"), &outcome, row, words);
    }
}

async fn signs_on(curve: KeyType) {
    let token = TestToken::new();
    let key = token.add_key(Usage::Signing, curve, "rare", "0b");
    let mut case = Case::new(token).await;
    for algorithm in ["sha1", "sha256", "sha384", "sha512", "sha3-256"] {
        // The signatures are random. Half of those on secp256k1 have a large s.
        for _ in 0..3 {
            case.assert_signs(&key, "0b", algorithm, algorithm).await;
        }
    }
    case.assert_refused("0b", "ES256", (400, "801"), &["sha256", curve.name()]).await;
}

#[tokio::test]
async fn secp256k1() {
    signs_on(KeyType::Secp256k1).await;
}

#[tokio::test]
async fn brainpool_p256r1() {
    signs_on(KeyType::BrainpoolP256r1).await;
}

#[tokio::test]
async fn brainpool_p384r1() {
    signs_on(KeyType::BrainpoolP384r1).await;
}

#[tokio::test]
async fn brainpool_p512r1() {
    signs_on(KeyType::BrainpoolP512r1).await;
}

/// The page gives the message, because the scheme hashes it.
#[tokio::test]
async fn ed448() {
    let token = TestToken::new();
    let key = token.generate_key(KeyType::Ed448, "rare");
    token.write_key_pair(&key, "0b");
    token.write_certificate(&key, Some("0b"));
    let mut case = Case::new(token).await;
    let params = with(&sign_data(&case.token, "0b", "sha256"), "algorithm_reference", "EdDSA");
    let params = with(&params, "data", base64(MESSAGE));
    let signature = case.page.result("signData", params.clone()).await;
    let raw = from_base64(signature.as_str().expect("base64"));
    assert_eq!(raw.len(), 114);
    assert!(openssl::verifies_message(&key.certificate(), MESSAGE, &raw));
    let good = verify_signed_data(&params, &signature);
    assert_eq!(case.page.result("verifySignedData", good.clone()).await, true);
    let wrong = with(&good, "data", base64(b"another message"));
    assert_eq!(case.page.result("verifySignedData", wrong).await, false);
    case.assert_refused("0b", "sha256", (400, "801"), &["EdDSA", "an Ed448 key"]).await;
}

#[tokio::test]
async fn keys_that_cannot_be_checked_are_named() {
    let token = TestToken::new();
    let key = token.certified_key(KeyType::P256);
    let unknown = with_key_algorithm(&key.certificate_bytes(), &ec(SECT233K1));
    certificate_object::write(&token, "0b", &unknown);
    let mut case = Case::new(token).await;
    case.assert_refused("0b", "sha256", (412, "405"), &["0b", "1.3.132.0.26", "another"]).await;
}

/// Certificates of one RSA key, with other parameters of PSS.
#[tokio::test]
async fn rsa_keys_for_pss_only() {
    let token = TestToken::new();
    let key = token.certified_key(KeyType::Rsa2048);
    let write = |id: &str, restriction: Option<&[u8]>| {
        let certificate = with_key_algorithm(&key.certificate_bytes(), &rsa_pss(restriction));
        certificate_object::write(&token, id, &certificate);
    };
    write("20", None);
    write("21", Some(SHA_384));
    write("22", Some(SHA_1));
    write("23", Some(OTHER_MASK));
    let mut case = Case::new(token).await;
    for (algorithm, verified_as) in [
        ("PS256", "PS256"),
        ("PS512", "PS512"),
        // The name of a hash means PSS too.
        ("sha224", "PS224"),
        ("sha256", "PS256"),
        // SoftHSM has no PSS with these, so the bridge pads.
        ("sha3-224", "PS sha3-224"),
        ("sha3-256", "PS sha3-256"),
        ("sha3-512", "PS sha3-512"),
    ] {
        case.assert_signs(&key, "20", algorithm, verified_as).await;
    }
    case.assert_signs(&key, "21", "PS384", "PS384").await;
    case.assert_signs(&key, "21", "sha384", "PS384").await;
    case.assert_signs(&key, "22", "sha1", "PS1").await;
    case.assert_refused("20", "RS256", (400, "801"), &["PS256", "an RSA key for PSS"]).await;
    case.assert_refused("21", "PS256", (400, "801"), &["PS384", "for PSS with SHA-384"]).await;
    case.assert_refused("23", "PS256", (412, "405"), &["for PSS of an unusual form"]).await;
}

#[tokio::test]
async fn the_parameters_of_a_named_curve_stand_for_it() {
    let token = TestToken::new();
    let key = token.certified_key(KeyType::P256);
    let write = |id: &str, parameters: &[u8]| {
        let algorithm = ec(parameters);
        let certificate = with_key_algorithm(&key.certificate_bytes(), &algorithm);
        certificate_object::write(&token, id, &certificate);
    };
    let parameters = explicit_parameters("prime256v1", "uncompressed");
    write("20", &parameters);
    write("21", &explicit_parameters("prime256v1", "compressed"));
    // Another generator, as in CVE-2020-0601.
    let mut forged = parameters.clone();
    let at = forged.windows(2).position(|bytes| bytes == [0x04, 0x41]).expect("the generator");
    forged[at + 3 + 40] ^= 1;
    write("22", &forged);
    let mut case = Case::new(token).await;
    for id in ["20", "21"] {
        for algorithm in ["sha256", "ES256"] {
            case.assert_signs(&key, id, algorithm, algorithm).await;
        }
    }
    case.assert_refused("22", "sha256", (412, "405"), &["a curve without a name"]).await;
}

/// `id-RSASSA-PSS`, with `RSASSA-PSS-params` (RFC 4055, section 3.1).
fn rsa_pss(parameters: Option<&[u8]>) -> Vec<u8> {
    algorithm(b"\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A", parameters)
}

/// `id-ecPublicKey`, with the parameters of a curve (RFC 5480, section 2.1.1).
fn ec(parameters: &[u8]) -> Vec<u8> {
    algorithm(b"\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01", Some(parameters))
}

fn algorithm(id: &[u8], parameters: Option<&[u8]>) -> Vec<u8> {
    let values = [Some(id), parameters].into_iter().flatten().map(Asn1::read).collect();
    Asn1::Constructed(0x30, values).encoded(Lengths::Minimal)
}

/// All parameters of a curve, by OpenSSL. `form` is that of the generator.
fn explicit_parameters(curve: &str, form: &str) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(["ecparam", "-name", curve, "-param_enc", "explicit", "-conv_form", form]);
    let output = command.args(["-outform", "DER"]).output().expect("openssl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A curve that the bridge does not know (SEC 2).
const SECT233K1: &[u8] = b"\x06\x05\x2B\x81\x04\x00\x1A";

/// All parameters have their default, which is SHA-1.
const SHA_1: &[u8] = b"\x30\x00";

const SHA_384: &[u8] = b"\x30\x34\
    \xA0\x0F\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
    \xA1\x1C\x30\x1A\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x08\
    \x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\
    \xA2\x03\x02\x01\x30";

/// SHA-384, with SHA-1 in the mask.
const OTHER_MASK: &[u8] = b"\x30\x11\
    \xA0\x0F\x30\x0D\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00";
