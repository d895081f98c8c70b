//! JSON-RPC 2.0 messages, decoded from text and encoded to text.
//!
//! Errors repeat only the names of fields and methods that a peer sends, shortened and escaped.
//! They never repeat values, because a value may be a PIN.

mod json;
mod reply;
mod request;
mod scan;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

pub use reply::{Incoming, NotAMessage, Notification, Reply};
pub use request::{Rejected, Request};

/// The id of a request: a whole number from 0 to 2^64 - 1, or a string of at most [`Id::MAX_LEN`]
/// bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A number.
    Number(u64),
    /// A string.
    String(String),
}

impl Id {
    /// The most bytes in an id that is a string.
    pub const MAX_LEN: usize = 128;
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdVisitor;

        impl serde::de::Visitor<'_> for IdVisitor {
            type Value = Id;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from 0, or a string of at most {} bytes", Id::MAX_LEN)
            }

            fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<Id, E> {
                Ok(Id::Number(id))
            }

            fn visit_str<E: serde::de::Error>(self, id: &str) -> Result<Id, E> {
                if id.len() > Id::MAX_LEN {
                    return Err(E::invalid_length(id.len(), &self));
                }
                Ok(Id::String(id.to_owned()))
            }
        }

        deserializer.deserialize_any(IdVisitor)
    }
}
