//! Verifies that a signature was made with a certificate's key over the hash of one request. It
//! checks every signature in software, and a sample with OpenSSL's command line.

use std::sync::Mutex;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};

use super::counters::SharedCounters;
use super::testbed::KEYS;
use crate::digest::{base64, digest, from_base64};
use crate::openssl;
use crate::secrets;
use crate::token::{KeyType, TestToken};

/// The algorithm of all signatures, over the SHA-256 hash of a message.
pub(super) const ALGORITHM: &str = "sha256";

/// A signature that OpenSSL made before the run.
pub(super) struct KnownSignature {
    pub(super) key: KeyType,
    /// In base64.
    pub(super) hash: String,
    /// In base64. An ECDSA signature is in DER.
    pub(super) signature: String,
}

/// A key, a hash, and a signature that was right.
type Sample = (KeyType, Vec<u8>, Vec<u8>);

pub(super) struct Verifier {
    keys: [ParsedPublicKey; KEYS.len()],
    /// The certificate of each key of the token, in base64.
    certificates: Vec<(KeyType, String)>,
    known: Vec<KnownSignature>,
    sample: Mutex<Vec<Sample>>,
}

impl Verifier {
    pub(super) fn of(token: &TestToken) -> Self {
        let keys = KEYS.map(|key| {
            let public = openssl::public_key(&token.certified_key(key).certificate());
            let parsed = match key {
                KeyType::P256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public),
                _ => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public),
            };
            parsed.expect("a public key")
        });
        let of_certificate = |key| (key, base64(&token.certified_key(key).certificate_bytes()));
        let certificates = KeyType::ALL.into_iter().map(of_certificate).collect();
        let make = |number: usize| {
            let key = KEYS[number % KEYS.len()];
            let hash = digest(ALGORITHM, format!("known signature {number}").as_bytes());
            let signature = base64(&openssl::sign(&token.certified_key(key), &hash));
            KnownSignature { key, hash: base64(&hash), signature }
        };
        let known = (0..KNOWN_SIGNATURES).map(make).collect();
        Self { keys, certificates, known, sample: Mutex::default() }
    }

    pub(super) fn known_signatures(&self) -> &[KnownSignature] {
        &self.known
    }

    pub(super) fn certificates(&self) -> &[(KeyType, String)] {
        &self.certificates
    }

    /// Whether a signature, in base64, was made with a key over the hash of a message.
    pub(super) fn verify(&self, key: KeyType, message: &[u8], signature: &str) -> bool {
        let signature = from_base64(signature);
        let at = KEYS.iter().position(|of| *of == key).expect("a signing key");
        let accepted = self.keys[at].verify_sig(message, &signature).is_ok();
        if accepted && fastrand::usize(..SAMPLING_INTERVAL) == 0 {
            let mut sample = self.sample.lock().expect("no holder panics");
            if sample.len() < MAX_SAMPLE {
                sample.push((key, digest(ALGORITHM, message), signature));
            }
        }
        accepted
    }

    /// Verifies the sample with OpenSSL.
    pub(super) fn verify_sample_with_openssl(&self, token: &TestToken, counters: &SharedCounters) {
        for (key, hash, signature) in self.sample.lock().expect("no holder panics").iter() {
            secrets::register_data(hash);
            let der = openssl::der_of_raw_ecdsa;
            let signature = if key.is_rsa() { signature.clone() } else { der(signature) };
            let certificate = token.certified_key(*key).certificate();
            let verifies = openssl::verifies(&certificate, ALGORITHM, hash, &signature);
            counters.update(|counters| {
                counters.verified_by_openssl += u64::from(verifies);
                counters.wrong_signature += u64::from(!verifies);
            });
        }
    }
}

const KNOWN_SIGNATURES: usize = 8;
const SAMPLING_INTERVAL: usize = 50;
const MAX_SAMPLE: usize = 50;
