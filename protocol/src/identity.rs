//! The proof by which a page knows its bridge: a nonce of the page, and the bytes that the bridge
//! signs with its identity key. The crate's documentation specifies them.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::base64_bytes::Base64Bytes;

/// The length of a [`Nonce`] in bytes.
pub const NONCE_LEN: usize = 32;

/// The first bytes of each signed message. They keep it apart from all other signatures.
const PREFIX: &[u8] = b"pkcs11-bridge identity v1\0";

/// Random bytes that a page has never used before. The wire carries them as base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonce(pub [u8; NONCE_LEN]);

/// The bridge's answer to a [`Nonce`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The public key of the bridge: a P-256 key as `SubjectPublicKeyInfo` in DER (RFC 5480). Its
    /// SHA-256 hash is the fingerprint that `pkcs11-bridge key` shows.
    pub public_key: Base64Bytes,
    /// The ECDSA signature with SHA-256 over [`signed_message`]: r and s, 32 bytes each.
    pub signature: Base64Bytes,
}

/// The bytes that the bridge signs. `port` is the port of its own end of the connection. `origin`
/// is the value of the `Origin` header of the handshake.
pub fn signed_message(nonce: &Nonce, port: u16, origin: &str) -> Vec<u8> {
    // The origin has no fixed length, so it comes last.
    [PREFIX, &nonce.0, &port.to_be_bytes(), origin.as_bytes()].concat()
}

impl Serialize for Nonce {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Base64Bytes(self.0.to_vec()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Nonce {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = Base64Bytes::deserialize(deserializer)?.0;
        let wrong_length = |_| de::Error::custom(format_args!("has to have {NONCE_LEN} bytes"));
        bytes.try_into().map(Self).map_err(wrong_length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_message_has_the_documented_bytes() {
        let message = signed_message(&Nonce([0xa5; NONCE_LEN]), 24911, "https://app.example");
        let expected = [
            b"pkcs11-bridge identity v1\x00".as_slice(),
            &[0xa5; 32],
            &[0x61, 0x4f],
            b"https://app.example",
        ];
        assert_eq!(message, expected.concat());
    }

    #[test]
    fn a_nonce_has_exactly_32_bytes() {
        let decode = |len: usize| {
            let json = serde_json::to_string(&Base64Bytes(vec![7; len])).unwrap();
            serde_json::from_str::<Nonce>(&json)
        };
        assert_eq!(decode(32).unwrap(), Nonce([7; 32]));
        for len in [0, 16, 31, 33, 64] {
            let error = decode(len).unwrap_err().to_string();
            assert!(error.contains("has to have 32 bytes"), "{error}");
        }
    }
}
