//! What the process can be asked.

use serde::{Deserialize, Serialize};

use crate::token::KeyType;

/// A key of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Key {
    /// ECDSA on P-256
    P256,
    /// RSA with 2048 bits, PKCS #1 v1.5
    Rsa2048,
}

impl Key {
    /// Both.
    pub const ALL: [Self; 2] = [Self::P256, Self::Rsa2048];

    /// Its type.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::P256 => KeyType::P256,
            Self::Rsa2048 => KeyType::Rsa2048,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Question {
    Sign { key: Key, count: usize },
    SignRate { key: Key, threads: usize, seconds: f64 },
    Check { key: Key, count: usize },
    Certificates { count: usize },
    Slots { count: usize },
    Token { count: usize },
    SetCertificates { count: usize },
    MemoryOfModule,
}
