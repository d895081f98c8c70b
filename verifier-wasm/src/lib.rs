//! Checks signatures with the crates of RustCrypto. The client loads this as a second WebAssembly,
//! on the first signature. The bridge uses it for keys and hashes that aws-lc does not have.
//!
//! WebCrypto hashes each message itself. But a page of pkcs11-bridge has the hash and signs that,
//! so WebCrypto cannot check these signatures.

#![forbid(unsafe_code)]

#[cfg(not(target_family = "wasm"))]
mod brainpool_p512r1;
mod certificate_key;
mod scheme;

pub use certificate_key::CertificateKey;
pub use scheme::PublicKey;

use p256::ecdsa::{Signature, VerifyingKey};
use p256::pkcs8::DecodePublicKey;
use sha2::{Digest, Sha256};
use signature::Verifier;
#[cfg(target_family = "wasm")]
use wasm_bindgen::prelude::*;

/// Whether the identity key of a bridge signed a message, for pages without WebCrypto.
///
/// `public_key` is a P-256 key as `SubjectPublicKeyInfo`; `signature` is r and s side by side.
#[cfg_attr(target_family = "wasm", wasm_bindgen(js_name = verifyProof))]
pub fn verify_proof(public_key: &[u8], signature: &[u8], message: &[u8]) -> bool {
    let key = VerifyingKey::from_public_key_der(public_key);
    let signature = Signature::from_slice(signature);
    key.is_ok_and(|key| signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
}

/// The SHA-256 hash in hexadecimal digits, for pages without WebCrypto.
#[cfg_attr(target_family = "wasm", wasm_bindgen)]
pub fn sha256(bytes: &[u8]) -> String {
    const_hex::encode(Sha256::digest(bytes))
}
