//! Elliptic curves: by their OID, or by their parameters.

mod domain;

use crate::element::Element;

/// A curve that this crate knows by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Curve {
    P192,
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
    BrainpoolP224r1,
    BrainpoolP256r1,
    BrainpoolP320r1,
    BrainpoolP384r1,
    BrainpoolP512r1,
}

impl Curve {
    /// The name in FIPS 186, SEC 2 or RFC 5639.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P192 => "P-192",
            Self::P224 => "P-224",
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::P521 => "P-521",
            Self::Secp256k1 => "secp256k1",
            Self::BrainpoolP224r1 => "brainpoolP224r1",
            Self::BrainpoolP256r1 => "brainpoolP256r1",
            Self::BrainpoolP320r1 => "brainpoolP320r1",
            Self::BrainpoolP384r1 => "brainpoolP384r1",
            Self::BrainpoolP512r1 => "brainpoolP512r1",
        }
    }

    /// The size of the curve's field in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Self::P192 => 192,
            Self::P224 | Self::BrainpoolP224r1 => 224,
            Self::P256 | Self::Secp256k1 | Self::BrainpoolP256r1 => 256,
            Self::BrainpoolP320r1 => 320,
            Self::P384 | Self::BrainpoolP384r1 => 384,
            Self::BrainpoolP512r1 => 512,
            Self::P521 => 521,
        }
    }

    pub(super) fn of_id(id: &str) -> Option<Self> {
        IDS.iter().find(|(known, _)| *known == id).map(|(_, curve)| *curve)
    }

    /// The named curve that has all of these parameters (`SpecifiedECDomain`, SEC 1, appendix C.2).
    pub(super) fn of_explicit_parameters(parameters: Element<'_>) -> Option<Self> {
        domain::curve(parameters)
    }
}

/// RFC 5480, section 2.1.1.1; SEC 2; RFC 5639, section 4.1
const IDS: [(&str, Curve); 11] = [
    ("1.2.840.10045.3.1.1", Curve::P192),
    ("1.3.132.0.33", Curve::P224),
    ("1.2.840.10045.3.1.7", Curve::P256),
    ("1.3.132.0.34", Curve::P384),
    ("1.3.132.0.35", Curve::P521),
    ("1.3.132.0.10", Curve::Secp256k1),
    ("1.3.36.3.3.2.8.1.1.5", Curve::BrainpoolP224r1),
    ("1.3.36.3.3.2.8.1.1.7", Curve::BrainpoolP256r1),
    ("1.3.36.3.3.2.8.1.1.9", Curve::BrainpoolP320r1),
    ("1.3.36.3.3.2.8.1.1.11", Curve::BrainpoolP384r1),
    ("1.3.36.3.3.2.8.1.1.13", Curve::BrainpoolP512r1),
];
