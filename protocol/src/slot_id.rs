//! Slot ids. PKCS#11 has 64 bits for them, a JavaScript number has 53.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::whole_number;

/// A `CK_SLOT_ID` (PKCS#11 3.2, section 3.2).
///
/// In JSON, a number up to 2^53 - 1, and beyond it a string, see [`whole_number`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct SlotId(#[serde(serialize_with = "whole_number::serialize")] pub u64);

impl SlotId {
    /// `Number.MAX_SAFE_INTEGER` of ECMAScript.
    pub const MAX_SAFE_INTEGER: u64 = whole_number::MAX_SAFE_INTEGER;
}

impl fmt::Display for SlotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'de> Deserialize<'de> for SlotId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole_number::deserialize_named(deserializer, EXPECTED).map(Self)
    }
}

const EXPECTED: &str = "a slot id (a whole number from 0, or its decimal digits in a string)";

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
