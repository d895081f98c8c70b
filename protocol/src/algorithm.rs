//! Algorithm references: the names that a page uses to request a signature.
//!
//! A reference is one of these:
//!
//! - The name of a hash. The type of the key then decides between PKCS#1 v1.5 and ECDSA.
//! - A name of JSON Web Algorithms (RFC 7518, section 3.1; RFC 8037).
//! - The name of an ML-DSA parameter set (FIPS 204).

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Serialize, Serializer};

/// A hash function of FIPS 180-4 or FIPS 202.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// SHA-1
    Sha1,
    /// SHA-224
    Sha224,
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
    /// SHA3-224
    Sha3_224,
    /// SHA3-256
    Sha3_256,
    /// SHA3-384
    Sha3_384,
    /// SHA3-512
    Sha3_512,
}

impl Hash {
    /// The length of a hash value in bytes.
    pub const fn output_len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The name as in its standard: `SHA-256`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA-1",
            Self::Sha224 => "SHA-224",
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
            Self::Sha3_224 => "SHA3-224",
            Self::Sha3_256 => "SHA3-256",
            Self::Sha3_384 => "SHA3-384",
            Self::Sha3_512 => "SHA3-512",
        }
    }

    /// The name as an algorithm reference: `sha256`.
    const fn reference(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha3_224 => "sha3-224",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
        }
    }
}

/// A parameter set of ML-DSA (FIPS 204, section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MlDsa {
    /// ML-DSA-44
    MlDsa44,
    /// ML-DSA-65
    MlDsa65,
    /// ML-DSA-87
    MlDsa87,
}

/// The value of `algorithm_reference`.
///
/// Decoding ignores the case and accepts the hyphen of `SHA-256`. Encoding writes the form of
/// [`fmt::Display`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// `sha1`, `sha256`, `sha3-256` and so on: PKCS#1 v1.5 with an RSA key, PSS with an RSA key for
    /// PSS, ECDSA with an EC key.
    Hash(Hash),
    /// `RS256`, `RS384`, `RS512`: RSASSA-PKCS1-v1_5 (RFC 8017, section 8.2).
    RsaPkcs1(Hash),
    /// `PS256`, `PS384`, `PS512`: RSASSA-PSS with MGF1 on the same hash and a salt of the hash's
    /// length (RFC 8017, section 8.1; RFC 7518, section 3.5).
    RsaPss(Hash),
    /// `ES256`, `ES384`, `ES512`: ECDSA on P-256, P-384 and P-521 (RFC 7518, section 3.4).
    Ecdsa(Hash),
    /// `EdDSA`: signs the message, not a hash of it (RFC 8032).
    EdDsa,
    /// `ML-DSA-44`, `ML-DSA-65`, `ML-DSA-87`: signs the message, not a hash of it (FIPS 204,
    /// section 5.2, "pure").
    MlDsa(MlDsa),
}

impl Algorithm {
    /// Every name in its encoded form, as error texts list them.
    pub const NAMES: [&'static str; 22] = [
        "sha1",
        "sha224",
        "sha256",
        "sha384",
        "sha512",
        "sha3-224",
        "sha3-256",
        "sha3-384",
        "sha3-512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "EdDSA",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
    ];

    /// The hash function that makes `data`; `None` if `data` is the message itself.
    pub fn hash(self) -> Option<Hash> {
        match self {
            Self::Hash(hash) | Self::RsaPkcs1(hash) | Self::RsaPss(hash) | Self::Ecdsa(hash) => {
                Some(hash)
            }
            Self::EdDsa | Self::MlDsa(_) => None,
        }
    }
}

/// The error for a name that is not in [`Algorithm::NAMES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownAlgorithm;

impl fmt::Display for UnknownAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "is not a known algorithm; use one of {}", Algorithm::NAMES.join(", "))
    }
}

impl std::error::Error for UnknownAlgorithm {}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownAlgorithm> {
        use Hash::{Sha1, Sha3_224, Sha3_256, Sha3_384, Sha3_512, Sha224, Sha256, Sha384, Sha512};
        Ok(match name.to_ascii_lowercase().as_str() {
            "sha1" | "sha-1" => Self::Hash(Sha1),
            "sha224" | "sha-224" => Self::Hash(Sha224),
            "sha256" | "sha-256" => Self::Hash(Sha256),
            "sha384" | "sha-384" => Self::Hash(Sha384),
            "sha512" | "sha-512" => Self::Hash(Sha512),
            "sha3-224" => Self::Hash(Sha3_224),
            "sha3-256" => Self::Hash(Sha3_256),
            "sha3-384" => Self::Hash(Sha3_384),
            "sha3-512" => Self::Hash(Sha3_512),
            "rs256" => Self::RsaPkcs1(Sha256),
            "rs384" => Self::RsaPkcs1(Sha384),
            "rs512" => Self::RsaPkcs1(Sha512),
            "ps256" => Self::RsaPss(Sha256),
            "ps384" => Self::RsaPss(Sha384),
            "ps512" => Self::RsaPss(Sha512),
            "es256" => Self::Ecdsa(Sha256),
            "es384" => Self::Ecdsa(Sha384),
            "es512" => Self::Ecdsa(Sha512),
            "eddsa" => Self::EdDsa,
            "ml-dsa-44" => Self::MlDsa(MlDsa::MlDsa44),
            "ml-dsa-65" => Self::MlDsa(MlDsa::MlDsa65),
            "ml-dsa-87" => Self::MlDsa(MlDsa::MlDsa87),
            _ => return Err(UnknownAlgorithm),
        })
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hash(hash) => f.write_str(hash.reference()),
            Self::RsaPkcs1(hash) => write!(f, "RS{}", 8 * hash.output_len()),
            Self::RsaPss(hash) => write!(f, "PS{}", 8 * hash.output_len()),
            Self::Ecdsa(hash) => write!(f, "ES{}", 8 * hash.output_len()),
            Self::EdDsa => f.write_str("EdDSA"),
            Self::MlDsa(MlDsa::MlDsa44) => f.write_str("ML-DSA-44"),
            Self::MlDsa(MlDsa::MlDsa65) => f.write_str("ML-DSA-65"),
            Self::MlDsa(MlDsa::MlDsa87) => f.write_str("ML-DSA-87"),
        }
    }
}

impl Serialize for Algorithm {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Algorithm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AlgorithmVisitor;

        impl Visitor<'_> for AlgorithmVisitor {
            type Value = Algorithm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an algorithm")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Algorithm, E> {
                name.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(AlgorithmVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decode_in_any_case_and_encode_in_one_form() {
        for name in Algorithm::NAMES {
            for spelling in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
                assert_eq!(spelling.parse::<Algorithm>().unwrap().to_string(), name);
            }
        }
        assert_eq!("SHA-256".parse(), Ok(Algorithm::Hash(Hash::Sha256)));
        assert_eq!("sha-1".parse(), Ok(Algorithm::Hash(Hash::Sha1)));
        assert_eq!("SHA3-512".parse(), Ok(Algorithm::Hash(Hash::Sha3_512)));
    }

    #[test]
    fn unknown_names_are_errors() {
        for name in [
            "", "md5", "sha3", "sha3256", "RS1", "RS224", "PS1", "ES1", " sha256", "sha_256",
            "none",
        ] {
            assert_eq!(name.parse::<Algorithm>(), Err(UnknownAlgorithm), "{name}");
        }
    }
}
