//! Finds the signature scheme for an algorithm and a key.

use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash, MlDsa};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;

use super::key_kind::{Curve, KeyKind};

/// A signature scheme: an algorithm together with the kind of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    Ecdsa(Curve, Hash),
    Ed25519,
    Ed448,
    MlDsa(MlDsa),
}

impl Scheme {
    /// The scheme of `algorithm` for a key of this kind. Fails if the two do not fit.
    pub fn new(algorithm: Algorithm, key: KeyKind) -> Result<Self, Failure> {
        Self::find(algorithm, key).ok_or_else(|| {
            let names: Vec<_> = Algorithm::NAMES
                .into_iter()
                .filter(|name| name.parse().is_ok_and(|other| Self::find(other, key).is_some()))
                .collect();
            Failure::with_rv(
                ErrorCode::BadArgument,
                Rv::KEY_TYPE_INCONSISTENT,
                format!(
                    "`algorithm_reference` {algorithm} does not fit the certificate's key, which \
                     is {key}. Use one of {}.",
                    names.join(", ")
                ),
            )
        })
    }

    /// An algorithm that stands for the scheme, with a key of its kind.
    pub(crate) fn algorithm(self) -> Algorithm {
        match self {
            Self::RsaPkcs1(hash) => Algorithm::RsaPkcs1(hash),
            Self::RsaPss(hash) => Algorithm::RsaPss(hash),
            Self::Ecdsa(_, hash) => Algorithm::Hash(hash),
            Self::Ed25519 | Self::Ed448 => Algorithm::EdDsa,
            Self::MlDsa(parameters) => Algorithm::MlDsa(parameters),
        }
    }

    fn find(algorithm: Algorithm, key: KeyKind) -> Option<Self> {
        match (algorithm, key) {
            (Algorithm::Hash(hash) | Algorithm::RsaPkcs1(hash), KeyKind::Rsa) => {
                Some(Self::RsaPkcs1(hash))
            }
            (Algorithm::RsaPss(hash), KeyKind::Rsa) => Some(Self::RsaPss(hash)),
            (Algorithm::Hash(hash) | Algorithm::RsaPss(hash), KeyKind::RsaPss(allowed))
                if allowed.allows(hash) =>
            {
                Some(Self::RsaPss(hash))
            }
            (Algorithm::Hash(hash), KeyKind::Ec(curve)) => Some(Self::Ecdsa(curve, hash)),
            // RFC 7518, section 3.4, ties each name to a curve.
            (Algorithm::Ecdsa(hash), KeyKind::Ec(curve)) if curve.hash_of_jwa() == Some(hash) => {
                Some(Self::Ecdsa(curve, hash))
            }
            (Algorithm::EdDsa, KeyKind::Ed25519) => Some(Self::Ed25519),
            (Algorithm::EdDsa, KeyKind::Ed448) => Some(Self::Ed448),
            (Algorithm::MlDsa(wanted), KeyKind::MlDsa(actual)) if wanted == actual => {
                Some(Self::MlDsa(wanted))
            }
            _ => None,
        }
    }
}

/// Fails if `data` does not have the length of the algorithm's hash.
pub(crate) fn check_length(algorithm: Algorithm, data: &[u8]) -> Result<(), Failure> {
    match algorithm.hash() {
        Some(hash) if hash.output_len() != data.len() => Err(Failure::with_rv(
            ErrorCode::BadArgument,
            Rv::DATA_LEN_RANGE,
            format!(
                "`data` has {} bytes, but `algorithm_reference` {algorithm} signs a {} hash, which \
                 has {}. Hash the message first.",
                data.len(),
                hash.name(),
                hash.output_len()
            ),
        )),
        _ => Ok(()),
    }
}
