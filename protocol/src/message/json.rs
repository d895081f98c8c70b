//! JSON in, with errors that are safe to pass on.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// The member `"jsonrpc": "2.0"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version;

impl Serialize for Version {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("2.0")
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;

        impl serde::de::Visitor<'_> for VersionVisitor {
            type Value = Version;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the string \"2.0\"")
            }

            fn visit_str<E: serde::de::Error>(self, version: &str) -> Result<Version, E> {
                match version {
                    "2.0" => Ok(Version),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Other("string"), &self)),
                }
            }
        }

        deserializer.deserialize_str(VersionVisitor)
    }
}

/// Decodes JSON with an error that names the field and says what was expected there, and repeats
/// no value: the text may hold a PIN.
pub(super) fn decode_json<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = shortened(&error.path().to_string());
        let detail = error.inner().to_string();
        let detail = detail.split(" at line ").next().unwrap_or_default();
        if detail.starts_with("missing field") || detail.starts_with("duplicate field") {
            detail.to_owned()
        } else if let Some(rest) = detail.strip_prefix("unknown field `") {
            let (_, expected) = rest.split_once("`, expected ").unwrap_or((rest, "no field"));
            format!("unknown field `{path}`; expected {expected}")
        } else if let Some((_, expected)) = detail.rsplit_once(", expected ") {
            format!("`{path}` has to be {expected}")
        } else {
            format!("`{path}` {detail}")
        }
    })
}

/// A peer's text as it may stand in an error: escaped, and cut where it is long.
pub(super) fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 64;
    let mut short: String = text.chars().take(MAX_CHARS).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        short.push('…');
    }
    short
}
