//! Byte strings. The wire carries them as base64 (RFC 4648, section 4).

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// Bytes that the wire carries as standard base64. Encoding writes the padding; decoding accepts
/// base64 with or without it.
///
/// There is no `Debug`, so that no log can show the data of a page.
#[derive(Clone, PartialEq, Eq)]
pub struct Base64Bytes(pub Vec<u8>);

impl Base64Bytes {
    /// The standard base64 of the bytes, with padding.
    pub fn to_base64(&self) -> String {
        general_purpose::STANDARD.encode(&self.0)
    }
}

impl From<Vec<u8>> for Base64Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl AsRef<[u8]> for Base64Bytes {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Base64Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_base64())
    }
}

impl<'de> Deserialize<'de> for Base64Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64BytesVisitor;

        impl Visitor<'_> for Base64BytesVisitor {
            type Value = Base64Bytes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("standard base64")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Base64Bytes, E> {
                DECODER
                    .decode(text)
                    .map(Base64Bytes)
                    .map_err(|_| E::custom("is not standard base64"))
            }
        }

        deserializer.deserialize_str(Base64BytesVisitor)
    }
}

const DECODER: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Result<Vec<u8>, String> {
        serde_json::from_str::<Base64Bytes>(json).map(|bytes| bytes.0).map_err(|e| e.to_string())
    }

    #[test]
    fn padding_is_optional_in_input() {
        assert_eq!(decode(r#""AQI=""#).unwrap(), [1, 2]);
        assert_eq!(decode(r#""AQI""#).unwrap(), [1, 2]);
        assert!(decode(r#""""#).unwrap().is_empty());
    }

    #[test]
    fn the_error_for_invalid_base64_does_not_repeat_the_input() {
        for text in [r#""AQ_-""#, r#""A""#, r#""AQI=x""#, r#""hello world""#] {
            let error = decode(text).unwrap_err();
            assert!(error.starts_with("is not standard base64"), "{error}");
        }
    }
}
