//! The SHA-256 fingerprint of a certificate, in the form of `cert_id`: `sha256:` and hex.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

/// The SHA-256 hash of a certificate in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; LEN]);

/// The text is not a fingerprint. The message continues a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a fingerprint; write `sha256:` and the 64 hexadecimal digits of the certificate")]
pub struct NotAFingerprint;

impl Fingerprint {
    pub fn of(certificate_der: &[u8]) -> Self {
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, certificate_der).as_ref());
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", const_hex::encode(self.0))
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Takes upper and lower case, and the colons that `openssl x509 -fingerprint` writes.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotAFingerprint)?;
        let digits = if digits.len() == 3 * LEN - 1 && digits.is_ascii() {
            let pairs: Vec<&str> = digits.split(':').collect();
            if pairs.iter().any(|pair| pair.len() != 2) {
                return Err(NotAFingerprint);
            }
            pairs.concat()
        } else {
            digits.to_owned()
        };
        let mut bytes = [0; LEN];
        if digits.len() != 2 * LEN || const_hex::decode_to_slice(digits, &mut bytes).is_err() {
            return Err(NotAFingerprint);
        }
        Ok(Self(bytes))
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error| format!("`{text}` {error}"))
    }
}

const PREFIX: &str = "sha256:";
const LEN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const OF_ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_fingerprint_is_read_in_the_usual_forms() {
        let expected = Fingerprint::of(b"abc");
        assert_eq!(expected.to_string(), format!("sha256:{OF_ABC}"));
        let pairs: Vec<_> = OF_ABC.as_bytes().chunks(2).map(|pair| pair.escape_ascii()).collect();
        let colons = pairs.iter().map(ToString::to_string).collect::<Vec<_>>().join(":");
        for digits in [OF_ABC.to_owned(), OF_ABC.to_uppercase(), colons] {
            assert_eq!(format!("sha256:{digits}").parse(), Ok(expected), "{digits}");
        }
    }

    #[test]
    fn other_texts_are_not_fingerprints() {
        let without_prefix = OF_ABC.to_owned();
        let short = format!("sha256:{}", &OF_ABC[2..]);
        let long = format!("sha256:{OF_ABC}00");
        let hex_prefix = format!("sha256:0x{}", &OF_ABC[2..]);
        let sha1 = "sha1:a9993e364706816aba3e25717850c26c9cd0d89d".to_owned();
        let no_digits = format!("sha256:{}", "g".repeat(64));
        let misplaced = format!("sha256:{}", "a:bc".repeat(24).split_at(95).0);
        for text in [without_prefix, short, long, hex_prefix, sha1, no_digits, misplaced] {
            assert_eq!(text.parse::<Fingerprint>(), Err(NotAFingerprint), "{text}");
        }
    }
}
