//! Slot ids. PKCS#11 has 64 bits for them, a JavaScript number has 53.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A `CK_SLOT_ID` (PKCS#11 3.2, section 3.2).
///
/// Decoding accepts a number or a decimal string. Encoding writes a number up to 2^53 - 1, and a
/// string beyond it, because a JavaScript number would lose digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SlotId(pub u64);

impl SlotId {
    /// `Number.MAX_SAFE_INTEGER` of ECMAScript.
    pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for SlotId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= Self::MAX_SAFE_INTEGER {
            serializer.serialize_u64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for SlotId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SlotIdVisitor;

        impl Visitor<'_> for SlotIdVisitor {
            type Value = SlotId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a slot id (a whole number from 0, or its decimal digits in a string)")
            }

            fn visit_u64<E: de::Error>(self, id: u64) -> Result<SlotId, E> {
                Ok(SlotId(id))
            }

            // serde-wasm-bindgen passes whole numbers of JavaScript as signed integers.
            fn visit_i64<E: de::Error>(self, id: i64) -> Result<SlotId, E> {
                u64::try_from(id)
                    .map(SlotId)
                    .map_err(|_| E::invalid_value(de::Unexpected::Signed(id), &self))
            }

            // A whole number of JavaScript may also arrive as a float: 1.0.
            fn visit_f64<E: de::Error>(self, id: f64) -> Result<SlotId, E> {
                if id.fract() == 0.0 && (0.0..=SlotId::MAX_SAFE_INTEGER as f64).contains(&id) {
                    Ok(SlotId(id as u64))
                } else {
                    Err(E::invalid_type(de::Unexpected::Float(id), &self))
                }
            }

            fn visit_str<E: de::Error>(self, digits: &str) -> Result<SlotId, E> {
                let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                digits
                    .parse()
                    .ok()
                    .filter(|_| decimal)
                    .map(SlotId)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Other("string"), &self))
            }
        }

        deserializer.deserialize_any(SlotIdVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_decimal_strings_decode() {
        for (json, id) in [
            ("0", 0),
            ("1.0", 1),
            ("\"17\"", 17),
            ("9007199254740991", SlotId::MAX_SAFE_INTEGER),
            ("\"18446744073709551615\"", u64::MAX),
        ] {
            assert_eq!(serde_json::from_str::<SlotId>(json).unwrap(), SlotId(id));
        }
        for json in ["-1", "1.5", "\"\"", "\"+1\"", "\"0x1\"", "\" 1\"", "null", "true", "1e300"] {
            assert!(serde_json::from_str::<SlotId>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn ids_beyond_a_javascript_number_encode_as_strings() {
        let encode = |id| serde_json::to_string(&SlotId(id)).unwrap();
        assert_eq!(encode(9007199254740991), "9007199254740991");
        assert_eq!(encode(9007199254740992), "\"9007199254740992\"");
    }
}
