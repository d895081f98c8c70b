//! Finds the signature scheme for an algorithm and a key. A scheme has a PKCS#11 mechanism, and
//! says which input the mechanism gets.

use std::ffi::c_ulong;

use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::types::Ulong;
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

    fn find(algorithm: Algorithm, key: KeyKind) -> Option<Self> {
        match (algorithm, key) {
            (Algorithm::Hash(hash) | Algorithm::RsaPkcs1(hash), KeyKind::Rsa) => {
                Some(Self::RsaPkcs1(hash))
            }
            (Algorithm::RsaPss(hash), KeyKind::Rsa) => Some(Self::RsaPss(hash)),
            (Algorithm::Hash(hash), KeyKind::Ec(curve)) => Some(Self::Ecdsa(curve, hash)),
            // RFC 7518, section 3.4, ties each name to a curve.
            (Algorithm::Ecdsa(hash), KeyKind::Ec(curve)) if hash == curve.hash_of_jwa() => {
                Some(Self::Ecdsa(curve, hash))
            }
            (Algorithm::EdDsa, KeyKind::Ed25519) => Some(Self::Ed25519),
            (Algorithm::MlDsa(wanted), KeyKind::MlDsa(actual)) if wanted == actual => {
                Some(Self::MlDsa(wanted))
            }
            _ => None,
        }
    }

    pub(super) fn mechanism(self) -> Mechanism<'static> {
        match self {
            Self::RsaPkcs1(_) => Mechanism::RsaPkcs,
            Self::RsaPss(hash) => {
                let (hash_alg, mgf) = match hash {
                    Hash::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
                    Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
                    Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
                    Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
                };
                let s_len = Ulong::from(hash.output_len() as c_ulong);
                Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len })
            }
            Self::Ecdsa(..) => Mechanism::Ecdsa,
            Self::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
            Self::MlDsa(_) => {
                Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None))
            }
        }
    }

    /// The bytes that the mechanism gets in order to sign `data`.
    pub(super) fn input(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::RsaPkcs1(hash) => [digest_info_prefix(hash), data].concat(),
            Self::RsaPss(_) | Self::Ecdsa(..) | Self::Ed25519 | Self::MlDsa(_) => data.to_vec(),
        }
    }
}

/// Fails if `data` does not have the length of the algorithm's hash.
pub(super) fn check_length(algorithm: Algorithm, data: &[u8]) -> Result<(), Failure> {
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

/// The DER of a `DigestInfo` up to the hash value (RFC 8017, section 9.2, note 1).
fn digest_info_prefix(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha1 => b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        Hash::Sha256 => {
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"
        }
        Hash::Sha384 => {
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"
        }
        Hash::Sha512 => {
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"
        }
    }
}
