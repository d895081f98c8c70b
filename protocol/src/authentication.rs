//! What a key signs in `authenticate`. The crate's documentation specifies the bytes.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::algorithm::Algorithm;
use crate::base64_bytes::Base64Bytes;
use crate::{MAX_CHALLENGE_LEN, MIN_CHALLENGE_LEN};

/// The first bytes of each signed message, without the zero byte that ends them. They keep it apart
/// from documents, from TLS handshakes and from all other signatures.
pub const PREFIX: &str = "pkcs11-bridge authenticate v1";

/// Bytes that a server has never used before. The wire carries them as base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge(Vec<u8>);

/// Result of `authenticate`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// What is signed: [`PREFIX`].
    pub format: String,
    /// `PS256`, `RS256`, `ES256`, `ES384`, `ES512`, `EdDSA`, or a name of ML-DSA.
    pub algorithm: Algorithm,
    /// The signature over [`signed_message`]. Of an ECDSA signature, r and s side by side.
    pub signature: Base64Bytes,
    /// The certificate of the key in DER.
    pub certificate: Base64Bytes,
}

/// The bytes that the key signs. `origin` is the `Origin` header of the page; `None` if it is
/// longer than 65,535 bytes.
pub fn signed_message(origin: &str, challenge: &Challenge) -> Option<Vec<u8>> {
    let Challenge(challenge) = challenge;
    let [of_origin, of_challenge] =
        [origin.len(), challenge.len()].map(|len| u16::try_from(len).ok().map(u16::to_be_bytes));
    Some(
        [PREFIX.as_bytes(), &[0], &of_origin?, origin.as_bytes(), &of_challenge?, challenge]
            .concat(),
    )
}

impl Challenge {
    /// `None` if the length is not allowed.
    pub fn new(bytes: Vec<u8>) -> Option<Self> {
        (MIN_CHALLENGE_LEN..=MAX_CHALLENGE_LEN).contains(&bytes.len()).then_some(Self(bytes))
    }
}

impl Serialize for Challenge {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Base64Bytes(self.0.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Challenge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Base64Bytes(bytes) = Base64Bytes::deserialize(deserializer)?;
        Self::new(bytes).ok_or_else(|| {
            de::Error::custom(format_args!(
                "has to have {MIN_CHALLENGE_LEN} to {MAX_CHALLENGE_LEN} bytes"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signed_message_has_the_documented_bytes() {
        let challenge = Challenge((0..16).collect());
        let expected = [
            b"pkcs11-bridge authenticate v1\x00".as_slice(),
            b"\x00\x13https://app.example",
            b"\x00\x10\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
        ];
        assert_eq!(signed_message("https://app.example", &challenge), Some(expected.concat()));
        assert_eq!(signed_message(&"a".repeat(0x1_0000), &challenge), None);
    }

    #[test]
    fn a_challenge_has_16_to_1024_bytes() {
        for (len, accepted) in
            [(0, false), (15, false), (16, true), (32, true), (1024, true), (1025, false)]
        {
            let json = serde_json::to_string(&Base64Bytes(vec![7; len])).unwrap();
            let challenge = serde_json::from_str::<Challenge>(&json);
            assert_eq!(challenge.as_ref().map(|it| it.0.len()).ok(), accepted.then_some(len));
            if let Err(error) = challenge {
                assert!(error.to_string().contains("has to have 16 to 1024 bytes"), "{error}");
            }
        }
    }
}
