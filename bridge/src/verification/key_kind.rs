//! The kinds of keys that the bridge supports.

use std::fmt;

use pkcs11_bridge_certificate::public_key::{self as certified, PssHash};
use pkcs11_bridge_protocol::algorithm::{Hash, MlDsa};

/// The kind of a key. It decides which algorithms fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    Rsa,
    /// RSA for PSS only
    RsaPss(PssHash),
    Ec(Curve),
    Ed25519,
    Ed448,
    MlDsa(MlDsa),
}

/// A curve of SP 800-186, SEC 2 or RFC 5639.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    P256,
    P384,
    P521,
    Secp256k1,
    BrainpoolP256r1,
    BrainpoolP384r1,
    BrainpoolP512r1,
}

impl KeyKind {
    /// `None` if the bridge cannot check signatures of such a key.
    pub(crate) fn of(kind: &certified::KeyKind) -> Option<Self> {
        Some(match kind {
            certified::KeyKind::Rsa => Self::Rsa,
            certified::KeyKind::RsaPss(hash @ (PssHash::Any | PssHash::Only(_))) => {
                Self::RsaPss(*hash)
            }
            certified::KeyKind::Ec(curve) => Self::Ec(Curve::of(*curve)?),
            certified::KeyKind::Ed25519 => Self::Ed25519,
            certified::KeyKind::Ed448 => Self::Ed448,
            certified::KeyKind::MlDsa(parameters) => Self::MlDsa(*parameters),
            certified::KeyKind::RsaPss(PssHash::Unknown)
            | certified::KeyKind::UnknownCurve(_)
            | certified::KeyKind::Unknown(_) => return None,
        })
    }

    pub(crate) fn is_rsa(self) -> bool {
        matches!(self, Self::Rsa | Self::RsaPss(_))
    }

    /// The kind as a certificate names it.
    pub(crate) fn certified(self) -> certified::KeyKind {
        match self {
            Self::Rsa => certified::KeyKind::Rsa,
            Self::RsaPss(hash) => certified::KeyKind::RsaPss(hash),
            Self::Ec(curve) => certified::KeyKind::Ec(curve.certified()),
            Self::Ed25519 => certified::KeyKind::Ed25519,
            Self::Ed448 => certified::KeyKind::Ed448,
            Self::MlDsa(parameters) => certified::KeyKind::MlDsa(parameters),
        }
    }
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::P256,
        Self::P384,
        Self::P521,
        Self::Secp256k1,
        Self::BrainpoolP256r1,
        Self::BrainpoolP384r1,
        Self::BrainpoolP512r1,
    ];

    fn of(curve: certified::Curve) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.certified() == curve)
    }

    fn certified(self) -> certified::Curve {
        match self {
            Self::P256 => certified::Curve::P256,
            Self::P384 => certified::Curve::P384,
            Self::P521 => certified::Curve::P521,
            Self::Secp256k1 => certified::Curve::Secp256k1,
            Self::BrainpoolP256r1 => certified::Curve::BrainpoolP256r1,
            Self::BrainpoolP384r1 => certified::Curve::BrainpoolP384r1,
            Self::BrainpoolP512r1 => certified::Curve::BrainpoolP512r1,
        }
    }

    /// The length of the curve's order, and so of r and of s, in bytes.
    pub const fn order_len(self) -> usize {
        match self {
            Self::P256 | Self::Secp256k1 | Self::BrainpoolP256r1 => 32,
            Self::P384 | Self::BrainpoolP384r1 => 48,
            Self::BrainpoolP512r1 => 64,
            Self::P521 => 66,
        }
    }

    /// The hash that a JSON Web Algorithm uses with the curve (RFC 7518, section 3.4).
    pub(crate) const fn hash_of_jwa(self) -> Option<Hash> {
        match self {
            Self::P256 => Some(Hash::Sha256),
            Self::P384 => Some(Hash::Sha384),
            Self::P521 => Some(Hash::Sha512),
            Self::Secp256k1
            | Self::BrainpoolP256r1
            | Self::BrainpoolP384r1
            | Self::BrainpoolP512r1 => None,
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.certified().fmt(f)
    }
}
