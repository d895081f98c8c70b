//! The public key of a certificate, or of a key without one.

use pkcs11_bridge_certificate::Certificate;
use pkcs11_bridge_certificate::public_key as certified;
use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash};
use pkcs11_bridge_protocol::authentication::{Challenge, PREFIX, signed_message};
use sha2::{Digest, Sha256, Sha384, Sha512};
#[cfg(target_family = "wasm")]
use wasm_bindgen::prelude::*;

use crate::scheme::{self, PublicKey};

/// The public key of a certificate, which checks signatures.
#[cfg_attr(target_family = "wasm", wasm_bindgen)]
pub struct CertificateKey(PublicKey);

#[cfg_attr(target_family = "wasm", wasm_bindgen)]
impl CertificateKey {
    /// The key of a certificate. `undefined` if this cannot check signatures of the key.
    pub fn of(certificate: &[u8]) -> Option<Self> {
        let key = Certificate::read(certificate).ok()?.public_key().ok()?;
        PublicKey::of(&key).map(Self)
    }

    /// The key with an id of `keys`, from its `SubjectPublicKeyInfo`. `undefined` also if it is
    /// another key than the id says.
    #[cfg_attr(target_family = "wasm", wasm_bindgen(js_name = ofKey))]
    pub fn of_key(public_key: &[u8], id: &str) -> Option<Self> {
        let actual = format!("key:{}", const_hex::encode(Sha256::digest(public_key)));
        if !id.eq_ignore_ascii_case(&actual) {
            return None;
        }
        let key = certified::PublicKey::of_info(public_key).ok()?;
        PublicKey::of(&key).map(Self)
    }

    /// Whether `signature` is one of `data` by an algorithm of the protocol. `is_message` says
    /// whether `data` still has to be hashed, and `is_der` how an ECDSA signature is encoded.
    pub fn accepts(
        &self,
        algorithm: &str,
        data: &[u8],
        is_message: bool,
        signature: &[u8],
        is_der: bool,
    ) -> bool {
        let Ok(algorithm) = algorithm.parse::<Algorithm>() else { return false };
        match algorithm.hash().filter(|_| is_message) {
            Some(hash) => self.0.accepts(algorithm, &scheme::hashed(hash, data), signature, is_der),
            None => self.0.accepts(algorithm, data, signature, is_der),
        }
    }

    /// Whether `signature` proves in `authenticate` that its user answers this challenge for a page
    /// of this origin.
    pub fn authenticates(
        &self,
        format: &str,
        algorithm: &str,
        origin: &str,
        challenge: Vec<u8>,
        signature: &[u8],
    ) -> bool {
        let algorithm = algorithm.parse::<Algorithm>();
        let message = Challenge::new(challenge)
            .filter(|_| format == PREFIX)
            .and_then(|challenge| signed_message(origin, &challenge));
        message.zip(algorithm.ok()).is_some_and(|(message, algorithm)| {
            let input = match algorithm.hash() {
                Some(Hash::Sha256) => Sha256::digest(&message).to_vec(),
                Some(Hash::Sha384) => Sha384::digest(&message).to_vec(),
                Some(Hash::Sha512) => Sha512::digest(&message).to_vec(),
                // No key authenticates with another hash.
                Some(_) => return false,
                None => message,
            };
            self.0.accepts(algorithm, &input, signature, false)
        })
    }
}

#[cfg(not(target_family = "wasm"))]
#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature as lc;
    use pkcs11_bridge_certificate::public_key::{Curve, KeyKind, PssHash};
    use rcgen::{CertificateParams, KeyPair, SignatureAlgorithm};

    use super::*;

    const MESSAGE: &[u8] = b"a contract";

    #[test]
    fn the_id_of_a_key_says_which_public_key_it_is() {
        use rcgen::PublicKeyData;
        let info = KeyPair::generate().unwrap().subject_public_key_info();
        let digits = const_hex::encode(Sha256::digest(&info));
        let is_key = |id: &str| CertificateKey::of_key(&info, id).is_some();
        assert!(
            is_key(&format!("key:{digits}")) && is_key(&format!("key:{}", digits.to_uppercase()))
        );
        let other = KeyPair::generate().unwrap().subject_public_key_info();
        assert!(CertificateKey::of_key(&other, &format!("key:{digits}")).is_none());
        for id in [digits.as_str(), "key:", &format!("sha256:{digits}"), &format!("key:{digits}00")]
        {
            assert!(!is_key(id), "{id}");
        }
    }

    /// A key pair, and the key that this module reads from its certificate.
    fn key(algorithm: &'static SignatureAlgorithm) -> (Vec<u8>, CertificateKey) {
        let pair = KeyPair::generate_for(algorithm).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        (pair.serialize_der(), CertificateKey::of(certificate.der()).unwrap())
    }

    fn public_key(kind: KeyKind, bytes: &[u8]) -> CertificateKey {
        let key = certified::PublicKey { kind, bytes: bytes.into() };
        CertificateKey(PublicKey::of(&key).unwrap())
    }

    /// The signature counts with its own algorithms, and with no other. No changed bit is accepted.
    #[track_caller]
    fn assert_only(key: &CertificateKey, names: &[&str], data: &[u8], signature: &[u8], der: bool) {
        for name in Algorithm::NAMES {
            let expected = names.contains(&name);
            assert_eq!(key.accepts(name, data, false, signature, der), expected, "{name}");
        }
        let flipped = |bytes: &[u8], at: usize| {
            let mut bytes = bytes.to_vec();
            bytes[at] ^= 1;
            bytes
        };
        for at in 0..data.len() {
            assert!(!key.accepts(names[0], &flipped(data, at), false, signature, der));
        }
        for at in (0..signature.len()).step_by(7) {
            assert!(!key.accepts(names[0], data, false, &flipped(signature, at), der));
        }
        let short = &signature[1..];
        for wrong in [b"".as_slice(), short, &[signature, &[0]].concat(), &vec![0; data.len()]] {
            assert!(!key.accepts(names[0], data, false, wrong, der));
        }
    }

    #[test]
    fn ecdsa_signatures_in_both_encodings() {
        use lc::*;
        let hashes = [
            Sha256::digest(MESSAGE).to_vec(),
            Sha384::digest(MESSAGE).to_vec(),
            Sha512::digest(MESSAGE).to_vec(),
        ];
        let [sha256, sha384, sha512] = &hashes;
        for (curve, signing, names, hash, der) in [
            (
                &rcgen::PKCS_ECDSA_P256_SHA256,
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                ["sha256", "sha3-256", "ES256"],
                sha256,
                false,
            ),
            (
                &rcgen::PKCS_ECDSA_P256_SHA256,
                &ECDSA_P256_SHA256_ASN1_SIGNING,
                ["sha256", "sha3-256", "ES256"],
                sha256,
                true,
            ),
            (
                &rcgen::PKCS_ECDSA_P384_SHA384,
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                ["sha384", "sha3-384", "ES384"],
                sha384,
                false,
            ),
            (
                &rcgen::PKCS_ECDSA_P521_SHA512,
                &ECDSA_P521_SHA512_FIXED_SIGNING,
                ["sha512", "sha3-512", "ES512"],
                sha512,
                false,
            ),
            (
                &rcgen::PKCS_ECDSA_P521_SHA512,
                &ECDSA_P521_SHA512_ASN1_SIGNING,
                ["sha512", "sha3-512", "ES512"],
                sha512,
                true,
            ),
        ] {
            let (pkcs8, key) = key(curve);
            let pair = EcdsaKeyPair::from_pkcs8(signing, &pkcs8).unwrap();
            let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
            assert_only(&key, &names, hash, signature.as_ref(), der);
            assert!(!key.accepts(names[0], hash, false, signature.as_ref(), !der));
        }
    }

    /// The hash is shorter than half of the curve's order.
    #[test]
    fn an_ecdsa_signature_of_a_short_hash() {
        use lc::*;
        let (pkcs8, key) = key(&rcgen::PKCS_ECDSA_P521_SHA512);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P521_SHA256_FIXED_SIGNING, &pkcs8).unwrap();
        let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
        let hash = Sha256::digest(MESSAGE);
        assert_only(&key, &["sha256", "sha3-256"], &hash, signature.as_ref(), false);
    }

    /// Half of the signatures have a large s, which some programs do not make.
    #[test]
    fn ecdsa_signatures_on_secp256k1() {
        use lc::*;
        let pair = EcdsaKeyPair::generate(&ECDSA_P256K1_SHA256_FIXED_SIGNING).unwrap();
        let key = public_key(KeyKind::Ec(Curve::Secp256k1), pair.public_key().as_ref());
        let hash = Sha256::digest(MESSAGE);
        for _ in 0..10 {
            let signature = pair.sign(&SystemRandom::new(), MESSAGE).unwrap();
            assert_only(&key, &["sha256", "sha3-256"], &hash, signature.as_ref(), false);
        }
    }

    #[test]
    fn rsa_keys_for_pss_only() {
        use lc::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
        let pair = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let (pkcs8, bytes) = (pair.serialize_der(), pair.public_key_raw().to_vec());
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
        let sign = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
            signature
        };
        let (hash, pss, pkcs1) =
            (Sha256::digest(MESSAGE), sign(&RSA_PSS_SHA256), sign(&RSA_PKCS1_SHA256));
        for (allowed, names) in [
            (PssHash::Any, &["sha256", "PS256"][..]),
            (PssHash::Only(Hash::Sha256), &["sha256", "PS256"]),
            (PssHash::Only(Hash::Sha384), &[]),
            (PssHash::Unknown, &[]),
        ] {
            let key = public_key(KeyKind::RsaPss(allowed), &bytes);
            for name in Algorithm::NAMES {
                assert_eq!(
                    key.accepts(name, &hash, false, &pss, false),
                    names.contains(&name),
                    "{name}"
                );
                assert!(!key.accepts(name, &hash, false, &pkcs1, false), "{name}");
            }
        }
    }

    #[test]
    fn rsa_signatures_with_both_paddings() {
        use lc::*;
        let (pkcs8, key) = key(&rcgen::PKCS_RSA_SHA256);
        let pair = RsaKeyPair::from_pkcs8(&pkcs8).unwrap();
        let sign = |padding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; pair.public_modulus_len()];
            pair.sign(padding, &SystemRandom::new(), MESSAGE, &mut signature).unwrap();
            signature
        };
        let (sha256, sha384, sha512) =
            (Sha256::digest(MESSAGE), Sha384::digest(MESSAGE), Sha512::digest(MESSAGE));
        let pkcs1 = |name, padding, hash| {
            assert_only(&key, name, hash, &sign(padding), false);
        };
        pkcs1(&["sha256", "RS256"], &RSA_PKCS1_SHA256, &sha256);
        pkcs1(&["sha384", "RS384"], &RSA_PKCS1_SHA384, &sha384);
        pkcs1(&["sha512", "RS512"], &RSA_PKCS1_SHA512, &sha512);
        pkcs1(&["PS256"], &RSA_PSS_SHA256, &sha256);
        pkcs1(&["PS384"], &RSA_PSS_SHA384, &sha384);
        pkcs1(&["PS512"], &RSA_PSS_SHA512, &sha512);
    }

    #[test]
    fn ed25519_signatures_of_the_message_itself() {
        let (pkcs8, key) = key(&rcgen::PKCS_ED25519);
        let pair = lc::Ed25519KeyPair::from_pkcs8(&pkcs8).unwrap();
        assert_only(&key, &["EdDSA"], MESSAGE, pair.sign(MESSAGE).as_ref(), false);
    }

    #[test]
    fn a_proof_holds_for_its_format_origin_and_challenge_only() {
        const ORIGIN: &str = "https://app.example";
        let (pkcs8, key) = key(&rcgen::PKCS_ECDSA_P256_SHA256);
        let signing = &lc::ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = lc::EcdsaKeyPair::from_pkcs8(signing, &pkcs8).unwrap();
        let challenge = [7; 16].to_vec();
        let message = signed_message(ORIGIN, &Challenge::new(challenge.clone()).unwrap()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), &message).unwrap();
        let holds = |format: &str, algorithm: &str, origin: &str, challenge: &[u8]| {
            key.authenticates(format, algorithm, origin, challenge.to_vec(), signature.as_ref())
        };
        assert!(holds(PREFIX, "ES256", ORIGIN, &challenge));
        for (format, algorithm, origin, challenge) in [
            ("", "ES256", ORIGIN, challenge.as_slice()),
            (PREFIX, "ES384", ORIGIN, &challenge),
            (PREFIX, "ML-DSA-44", ORIGIN, &challenge),
            (PREFIX, "ES256", "https://app.example:8443", &challenge),
            (PREFIX, "ES256", ORIGIN, &[8; 16]),
            (PREFIX, "ES256", ORIGIN, &[7; 15]),
        ] {
            assert!(!holds(format, algorithm, origin, challenge), "{format} {algorithm} {origin}");
        }
    }

    #[test]
    fn other_certificates_have_no_key() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../client-wasm/tests/certificates");
        let of = |name: &str| {
            CertificateKey::of(&std::fs::read(format!("{folder}/{name}.der")).unwrap()).is_some()
        };
        assert!(of("rsa-2048") && of("ec-p521") && of("ed25519"));
        assert!(of("ec-secp256k1") && !of("ec-sect233k1"));
        assert!(CertificateKey::of(b"").is_none() && CertificateKey::of(&[0x30; 99]).is_none());
    }
}
