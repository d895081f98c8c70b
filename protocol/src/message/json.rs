//! Decodes JSON with errors that are safe to send to a peer and to log.

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

/// Decodes JSON. The error names the field and says what it must be. It repeats no value, because
/// the text may hold a PIN.
pub(super) fn decode_json<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    // Decoding with the path takes twice as long, so use it only to explain a failure.
    serde_json::from_str(text).or_else(|_| decode_with_path(text))
}

fn decode_with_path<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = shortened(&error.path().to_string());
        // The peer chooses field names, so a name may look like any part of this text. Split the
        // text from the right, because the expectation comes last and is our own text.
        let detail = error.inner().to_string();
        let detail = detail.rsplit_once(" at line ").map_or(detail.as_str(), |(text, _)| text);
        let expected = detail.rsplit_once(", expected ").map(|(_, expected)| expected);
        match expected {
            _ if detail.starts_with("missing field") => detail.to_owned(),
            _ if detail.starts_with("duplicate field") => detail.to_owned(),
            _ if detail.ends_with("`, there are no fields") => {
                format!("unknown field `{path}`; there are none")
            }
            Some(expected) if detail.starts_with("unknown field") => {
                format!("unknown field `{path}`; expected {expected}")
            }
            Some(expected) => format!("`{path}` has to be {expected}"),
            None => format!("`{path}` {}", cut(detail, MAX_DETAIL)),
        }
    })
}

/// Makes a peer's text safe for an error message: escapes it and cuts it at [`MAX_NAME`].
pub(super) fn shortened(text: &str) -> String {
    cut(text, MAX_NAME)
}

fn cut(text: &str, max: usize) -> String {
    let mut short: String = text.chars().take(max).flat_map(char::escape_debug).collect();
    if text.chars().nth(max).is_some() {
        short.push('…');
    }
    short
}

/// The most characters of a name that a peer chose.
const MAX_NAME: usize = 64;
/// The most characters of an error text of serde, which may contain a peer's text.
const MAX_DETAIL: usize = 300;
