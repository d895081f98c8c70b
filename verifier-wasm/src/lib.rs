//! Checks signatures in the page. The client loads this as a second WebAssembly, on the first
//! signature.
//!
//! WebCrypto hashes each message itself. But a page of pkcs11-bridge has the hash and signs that,
//! so WebCrypto cannot check these signatures. The crates of RustCrypto can.

#![forbid(unsafe_code)]

mod certificate_key;
mod scheme;

pub use certificate_key::CertificateKey;

use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use sha2::{Digest, Sha256};
use signature::Verifier;
use wasm_bindgen::prelude::*;

/// Whether the identity key of a bridge signed a message, for pages without WebCrypto.
///
/// `public_key` is a P-256 key as `SubjectPublicKeyInfo`; `signature` is r and s side by side.
#[wasm_bindgen(js_name = verifyProof)]
pub fn verify_proof(public_key: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let key = VerifyingKey::from_public_key_der(public_key);
    let signature = Signature::from_slice(signature);
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
}

/// The SHA-256 hash in hexadecimal digits, for pages without WebCrypto.
#[wasm_bindgen]
pub fn sha256(bytes: &[u8]) -> String {
    const_hex::encode(Sha256::digest(bytes))
}
