//! The PIN of a token, between the frame and the module. Dropping it wipes the memory. There is no
//! `Debug`.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// The user's PIN in UTF-8 (PKCS#11 3.2, section 5.6.8, `C_Login`).
#[derive(Clone)]
pub struct Pin(SecretString);

impl Pin {
    /// The secret, for the call that passes it to the module.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }

    /// The length in bytes, the unit of `ulMinPinLen` and `ulMaxPinLen`.
    pub fn len(&self) -> usize {
        self.0.expose_secret().len()
    }

    /// Whether the PIN has no characters.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<String> for Pin {
    fn from(pin: String) -> Self {
        Self(SecretString::from(pin))
    }
}

impl From<SecretString> for Pin {
    fn from(pin: SecretString) -> Self {
        Self(pin)
    }
}

impl Serialize for Pin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PinVisitor;

        impl Visitor<'_> for PinVisitor {
            type Value = Pin;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: de::Error>(self, pin: &str) -> Result<Pin, E> {
                Ok(Pin::from(pin.to_owned()))
            }

            fn visit_string<E: de::Error>(self, pin: String) -> Result<Pin, E> {
                Ok(Pin::from(pin))
            }
        }

        deserializer.deserialize_string(PinVisitor)
    }
}
