//! The kinds of keys that the bridge supports.

use std::fmt;

use pkcs11_bridge_protocol::algorithm::{Hash, MlDsa};

/// The kind of a key. It decides which algorithms fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Rsa,
    Ec(Curve),
    Ed25519,
    MlDsa(MlDsa),
}

/// A curve of FIPS 186.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// The length of the curve's order, and so of r and of s, in bytes.
    pub const fn order_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The hash that a JSON Web Algorithm uses with the curve (RFC 7518, section 3.4).
    pub(crate) const fn hash_of_jwa(self) -> Hash {
        match self {
            Self::P256 => Hash::Sha256,
            Self::P384 => Hash::Sha384,
            Self::P521 => Hash::Sha512,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa => "an RSA key",
            Self::Ec(Curve::P256) => "an EC key on P-256",
            Self::Ec(Curve::P384) => "an EC key on P-384",
            Self::Ec(Curve::P521) => "an EC key on P-521",
            Self::Ed25519 => "an Ed25519 key",
            Self::MlDsa(MlDsa::MlDsa44) => "an ML-DSA-44 key",
            Self::MlDsa(MlDsa::MlDsa65) => "an ML-DSA-65 key",
            Self::MlDsa(MlDsa::MlDsa87) => "an ML-DSA-87 key",
        })
    }
}
