//! Hashes messages for signatures.

use aws_lc_rs::digest;
use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash};
use sha3::{Digest, Sha3_224};

/// The hash of the message, or the message if the algorithm hashes it itself.
pub(super) fn hashed(algorithm: Algorithm, message: &[u8]) -> Vec<u8> {
    let hash = match algorithm.hash() {
        None => return message.to_vec(),
        Some(Hash::Sha1) => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Some(Hash::Sha224) => &digest::SHA224,
        Some(Hash::Sha256) => &digest::SHA256,
        Some(Hash::Sha384) => &digest::SHA384,
        Some(Hash::Sha512) => &digest::SHA512,
        // aws-lc does not have it.
        Some(Hash::Sha3_224) => return Sha3_224::digest(message).to_vec(),
        Some(Hash::Sha3_256) => &digest::SHA3_256,
        Some(Hash::Sha3_384) => &digest::SHA3_384,
        Some(Hash::Sha3_512) => &digest::SHA3_512,
    };
    digest::digest(hash, message).as_ref().to_vec()
}
