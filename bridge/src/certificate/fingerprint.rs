//! SHA-256 fingerprints in the form of `cert_id`: `sha256:` and hex for a certificate, `key:` and
//! hex for the public key of a key that has no certificate.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::dialog::question::Signer;

/// The SHA-256 hash of a certificate in DER, or of a `SubjectPublicKeyInfo` in DER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint {
    of: Subject,
    bytes: [u8; LEN],
}

/// What a fingerprint is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    Certificate,
    /// A key without a certificate.
    Key,
}

/// The text is not a fingerprint. The message continues a sentence that begins with the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a fingerprint; write `sha256:` and the 64 hexadecimal digits of the certificate, or \
     the id of a key, `key:` and 64 digits"
)]
pub struct NotAFingerprint;

impl Fingerprint {
    pub fn of(certificate_der: &[u8]) -> Self {
        Self::hash(Subject::Certificate, certificate_der)
    }

    /// The fingerprint of a key without a certificate.
    pub fn of_key(public_key_info: &[u8]) -> Self {
        Self::hash(Subject::Key, public_key_info)
    }

    fn hash(of: Subject, der: &[u8]) -> Self {
        let mut bytes = [0; LEN];
        bytes.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self { of, bytes }
    }

    pub fn is_of_key(self) -> bool {
        self.of == Subject::Key
    }

    /// What the dialogs say stands for the key.
    pub(crate) fn signer(self) -> Signer {
        match self.of {
            Subject::Certificate => Signer::Certificate,
            Subject::Key => Signer::Key,
        }
    }

    /// The first digits, which people can compare.
    pub fn short(self) -> String {
        const_hex::encode(&self.bytes[..SHORT_LEN])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.of.prefix(), const_hex::encode(self.bytes))
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    /// Takes upper and lower case, and the colons that `openssl x509 -fingerprint` writes.
    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let (of, digits) = [Subject::Certificate, Subject::Key]
            .into_iter()
            .find_map(|of| Some((of, text.strip_prefix(of.prefix())?)))
            .ok_or(NotAFingerprint)?;
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
        Ok(Self { of, bytes })
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

impl Subject {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Certificate => "sha256:",
            Self::Key => "key:",
        }
    }
}

/// The id that a page gave, with what it is of, for error texts.
pub struct Named<'a>(pub &'a str);

impl Named<'_> {
    /// Whether the id is of a key without a certificate. Upper and lower case do not differ.
    pub fn is_key(&self) -> bool {
        let prefix = Subject::Key.prefix();
        self.0.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_key() { f.write_str(self.0) } else { write!(f, "certificate {}", self.0) }
    }
}

const LEN: usize = 32;
const SHORT_LEN: usize = 8;

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
    fn a_key_and_a_certificate_never_have_the_same_fingerprint() {
        let (certificate, key) = (Fingerprint::of(b"abc"), Fingerprint::of_key(b"abc"));
        assert_ne!(certificate, key);
        assert_eq!(key.to_string(), format!("key:{OF_ABC}"));
        assert_eq!(format!("key:{}", OF_ABC.to_uppercase()).parse(), Ok(key));
        assert!(key.is_of_key() && !certificate.is_of_key());
        assert_eq!(key.short(), "ba7816bf8f01cfea");
        assert_eq!(Named("01").to_string(), "certificate 01");
        assert_eq!(Named("key:01").to_string(), "key:01");
        assert!(Named("KEY:01").is_key() && !Named("ke").is_key() && !Named("sha256:").is_key());
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
