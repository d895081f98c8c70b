//! Whole numbers of 64 bits in JSON. A JavaScript number holds 53 bits.
//!
//! Encoding writes a number up to 2^53 - 1, and a string of decimal digits beyond it, because a
//! JavaScript number would lose digits. Decoding accepts both. Use it with `#[serde(with = …)]`.

use std::fmt;

use serde::Serializer;
use serde::de::{self, Deserializer, Visitor};

/// `Number.MAX_SAFE_INTEGER` of ECMAScript.
pub const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Encodes a number.
pub fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *number <= MAX_SAFE_INTEGER {
        serializer.serialize_u64(*number)
    } else {
        serializer.collect_str(number)
    }
}

/// Decodes a number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    deserialize_named(deserializer, "a whole number from 0, or its decimal digits in a string")
}

/// As [`deserialize`]. `expected` describes the number in errors.
pub(crate) fn deserialize_named<'de, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
) -> Result<u64, D::Error> {
    deserializer.deserialize_any(NumberVisitor(expected))
}

struct NumberVisitor(&'static str);

impl Visitor<'_> for NumberVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    // serde-wasm-bindgen passes whole numbers of JavaScript as signed integers.
    fn visit_i64<E: de::Error>(self, number: i64) -> Result<u64, E> {
        u64::try_from(number).map_err(|_| E::invalid_value(de::Unexpected::Signed(number), &self))
    }

    // A whole number of JavaScript may also arrive as a float: 1.0.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<u64, E> {
        if number.fract() == 0.0 && (0.0..=MAX_SAFE_INTEGER as f64).contains(&number) {
            Ok(number as u64)
        } else {
            Err(E::invalid_type(de::Unexpected::Float(number), &self))
        }
    }

    fn visit_str<E: de::Error>(self, digits: &str) -> Result<u64, E> {
        let decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| decimal);
        number.ok_or_else(|| E::invalid_value(de::Unexpected::Other("string"), &self))
    }
}

/// The same for a number that may be missing, which is `null`.
pub mod option {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Number(#[serde(with = "super")] u64);

    /// Encodes a number.
    pub fn serialize<S: Serializer>(
        number: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        number.map(Number).serialize(serializer)
    }

    /// Decodes a number.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u64>, D::Error> {
        Ok(Option::<Number>::deserialize(deserializer)?.map(|number| number.0))
    }
}
