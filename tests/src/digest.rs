//! Hashes of messages, with the names of the wire, and base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::Digest;

/// The hash of `message`. The name of the algorithm, such as `sha256`, `PS256` or `sha3-256`, ends
/// in the hash function's part of the name.
pub fn digest(algorithm: &str, message: &[u8]) -> Vec<u8> {
    let function = algorithm.trim_start_matches(|c: char| !c.is_ascii_digit());
    match function {
        "3-224" => sha3::Sha3_224::digest(message).to_vec(),
        "3-256" => sha3::Sha3_256::digest(message).to_vec(),
        "3-384" => sha3::Sha3_384::digest(message).to_vec(),
        "3-512" => sha3::Sha3_512::digest(message).to_vec(),
        "224" => sha2::Sha224::digest(message).to_vec(),
        "1" => sha1::Sha1::digest(message).to_vec(),
        "256" => sha2::Sha256::digest(message).to_vec(),
        "384" => sha2::Sha384::digest(message).to_vec(),
        "512" => sha2::Sha512::digest(message).to_vec(),
        _ => panic!("`{algorithm}` does not name a hash function"),
    }
}

/// Encodes bytes in standard base64, as on the wire.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

/// Decodes standard base64.
pub fn from_base64(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).expect("standard base64")
}
