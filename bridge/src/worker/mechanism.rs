//! The ways to make a signature: PKCS#11 mechanisms, and the input that each gets.

use std::ffi::c_ulong;

use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::types::Ulong;
use pkcs11_bridge_protocol::algorithm::Hash;

use super::pss_encoding;
use crate::verification::public_key::PublicKey;
use crate::verification::scheme::Scheme;

/// What a page wants to have signed.
#[derive(Clone, Copy)]
pub(super) struct ToSign<'a> {
    /// The hash, or the message for schemes that hash it themselves.
    pub(super) data: &'a [u8],
    /// The message whose hash `data` is, if the page gave it.
    pub(super) message: Option<&'a [u8]>,
}

/// Who does which part of a signature. The first ones are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The bridge hashes, and the token does the rest.
    Hashed,
    /// The token also hashes the message.
    Message,
    /// The bridge hashes and pads, and the token only calculates with its RSA key.
    Padded,
}

impl Way {
    const ALL: [Self; 3] = [Self::Hashed, Self::Message, Self::Padded];

    /// The ways that the scheme has for this input.
    pub(super) fn of(scheme: Scheme, to_sign: ToSign<'_>) -> impl Iterator<Item = Self> {
        let has = move |way: &Self| match way {
            Self::Hashed => true,
            Self::Message => to_sign.message.is_some() && combined(scheme).is_some(),
            Self::Padded => matches!(scheme, Scheme::RsaPkcs1(_) | Scheme::RsaPss(_)),
        };
        Self::ALL.into_iter().filter(has)
    }

    /// The mechanism, with its parameters; `None` if the scheme does not have this way.
    pub(super) fn mechanism(self, scheme: Scheme) -> Option<Mechanism<'static>> {
        match self {
            Self::Hashed => mechanism(scheme),
            Self::Message => combined(scheme),
            Self::Padded => Some(Mechanism::RsaX509),
        }
    }

    /// The bytes that the mechanism gets; `None` if the key is too short.
    pub(super) fn input(
        self,
        scheme: Scheme,
        key: &PublicKey,
        to_sign: ToSign<'_>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Hashed => Some(hashed_input(scheme, to_sign.data)),
            Self::Message => to_sign.message.map(<[u8]>::to_vec),
            Self::Padded => match scheme {
                Scheme::RsaPkcs1(hash) => {
                    pkcs1_block(&digest_info(hash, to_sign.data), key.modulus()?.len())
                }
                Scheme::RsaPss(hash) => pss_encoding::encode(&key.modulus()?, hash, to_sign.data),
                _ => None,
            },
        }
    }
}

/// The mechanism that signs a hash.
fn mechanism(scheme: Scheme) -> Option<Mechanism<'static>> {
    Some(match scheme {
        Scheme::RsaPkcs1(_) => Mechanism::RsaPkcs,
        Scheme::RsaPss(hash) => Mechanism::RsaPkcsPss(pss(hash)),
        Scheme::Ecdsa(..) => Mechanism::Ecdsa,
        Scheme::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        Scheme::Ed448 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed448(b""))),
        Scheme::MlDsa(_) => {
            Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None))
        }
    })
}

/// The mechanism that hashes a message and signs the hash.
pub(super) fn combined(scheme: Scheme) -> Option<Mechanism<'static>> {
    use Hash::{Sha1, Sha256, Sha384, Sha512};
    Some(match scheme {
        Scheme::RsaPkcs1(Sha1) => Mechanism::Sha1RsaPkcs,
        Scheme::RsaPkcs1(Sha256) => Mechanism::Sha256RsaPkcs,
        Scheme::RsaPkcs1(Sha384) => Mechanism::Sha384RsaPkcs,
        Scheme::RsaPkcs1(Sha512) => Mechanism::Sha512RsaPkcs,
        Scheme::RsaPss(Sha1) => Mechanism::Sha1RsaPkcsPss(pss(Sha1)),
        Scheme::RsaPss(Sha256) => Mechanism::Sha256RsaPkcsPss(pss(Sha256)),
        Scheme::RsaPss(Sha384) => Mechanism::Sha384RsaPkcsPss(pss(Sha384)),
        Scheme::RsaPss(Sha512) => Mechanism::Sha512RsaPkcsPss(pss(Sha512)),
        Scheme::Ecdsa(_, Sha1) => Mechanism::EcdsaSha1,
        Scheme::Ecdsa(_, Sha256) => Mechanism::EcdsaSha256,
        Scheme::Ecdsa(_, Sha384) => Mechanism::EcdsaSha384,
        Scheme::Ecdsa(_, Sha512) => Mechanism::EcdsaSha512,
        // `cryptoki` does not have the mechanisms of the other hashes.
        Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) | Scheme::Ecdsa(..) => return None,
        Scheme::Ed25519 | Scheme::Ed448 | Scheme::MlDsa(_) => return None,
    })
}

/// The parameters of PSS.
fn pss(hash: Hash) -> PkcsPssParams {
    let (hash_alg, mgf) = match hash {
        Hash::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        Hash::Sha224 => (MechanismType::SHA224, PkcsMgfType::MGF1_SHA224),
        Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        Hash::Sha3_224 => (MechanismType::SHA3_224, PkcsMgfType::MGF1_SHA3_224),
        Hash::Sha3_256 => (MechanismType::SHA3_256, PkcsMgfType::MGF1_SHA3_256),
        Hash::Sha3_384 => (MechanismType::SHA3_384, PkcsMgfType::MGF1_SHA3_384),
        Hash::Sha3_512 => (MechanismType::SHA3_512, PkcsMgfType::MGF1_SHA3_512),
    };
    PkcsPssParams { hash_alg, mgf, s_len: Ulong::from(hash.output_len() as c_ulong) }
}

fn hashed_input(scheme: Scheme, data: &[u8]) -> Vec<u8> {
    match scheme {
        Scheme::RsaPkcs1(hash) => digest_info(hash, data),
        // ECDSA uses the leftmost bits of a hash that is longer than the order of the curve (FIPS
        // 186-5, section 6.4.1). Some modules refuse a longer one.
        Scheme::Ecdsa(curve, _) => data[..data.len().min(curve.order_len())].to_vec(),
        Scheme::RsaPss(_) | Scheme::Ed25519 | Scheme::Ed448 | Scheme::MlDsa(_) => data.to_vec(),
    }
}

/// A hash with the name of its function (RFC 8017, section 9.2, step 2).
fn digest_info(hash: Hash, data: &[u8]) -> Vec<u8> {
    [&digest_info_prefix(hash), data].concat()
}

/// The block that RSA signs in PKCS#1 v1.5 (RFC 8017, section 9.2); `None` if the key is too short.
fn pkcs1_block(digest_info: &[u8], len: usize) -> Option<Vec<u8>> {
    let padding = len.checked_sub(digest_info.len() + 3).filter(|padding| *padding >= 8)?;
    Some([&[0, 1][..], &vec![0xff; padding], &[0], digest_info].concat())
}

/// The DER of a `DigestInfo` up to the hash value (RFC 8017, section 9.2, note 1; RFC 9688, section
/// 2).
fn digest_info_prefix(hash: Hash) -> Vec<u8> {
    // The last arc of the hash's OID, which begins with 2.16.840.1.101.3.4.2.
    let arc = match hash {
        Hash::Sha1 => {
            return b"\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14".to_vec();
        }
        Hash::Sha256 => 1,
        Hash::Sha384 => 2,
        Hash::Sha512 => 3,
        Hash::Sha224 => 4,
        Hash::Sha3_224 => 7,
        Hash::Sha3_256 => 8,
        Hash::Sha3_384 => 9,
        Hash::Sha3_512 => 10,
    };
    let len = hash.output_len() as u8;
    let mut prefix = vec![0x30, 17 + len];
    prefix.extend(b"\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02");
    prefix.extend([arc, 0x05, 0x00, 0x04, len]);
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verification::key_kind::Curve;

    #[test]
    fn a_hash_is_cut_to_the_order_of_the_curve() {
        let hash: Vec<u8> = (0..64).collect();
        for (curve, signed) in [(Curve::P256, 32), (Curve::P384, 48), (Curve::P521, 64)] {
            let scheme = Scheme::Ecdsa(curve, Hash::Sha512);
            assert_eq!(hashed_input(scheme, &hash), hash[..signed], "{curve:?}");
        }
        let scheme = Scheme::Ecdsa(Curve::P384, Hash::Sha1);
        assert_eq!(hashed_input(scheme, &hash[..20]), hash[..20]);
    }

    #[test]
    fn a_digest_info_names_the_hash() {
        // RFC 8017, section 9.2, note 1.
        let sha384 =
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30";
        assert_eq!(digest_info_prefix(Hash::Sha384), sha384);
    }

    #[test]
    fn a_block_fills_the_modulus() {
        let block = pkcs1_block(&[7, 8], 16).unwrap();
        assert_eq!(block, [&[0, 1][..], &[0xff; 11], &[0, 7, 8]].concat());
        assert!(pkcs1_block(&[7, 8], 13).is_some() && pkcs1_block(&[7, 8], 12).is_none());
    }
}
