//! The PKCS#11 mechanism of a signature scheme, and the input that the mechanism gets.

use std::ffi::c_ulong;

use cryptoki::mechanism::dsa::{HedgeType, SignAdditionalContext};
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::types::Ulong;
use pkcs11_bridge_protocol::algorithm::Hash;

use crate::verification::scheme::Scheme;

/// The mechanism of a scheme, with its parameters.
pub(super) fn mechanism(scheme: Scheme) -> Mechanism<'static> {
    match scheme {
        Scheme::RsaPkcs1(_) => Mechanism::RsaPkcs,
        Scheme::RsaPss(hash) => {
            let (hash_alg, mgf) = match hash {
                Hash::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
                Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
                Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
                Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
            };
            let s_len = Ulong::from(hash.output_len() as c_ulong);
            Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len })
        }
        Scheme::Ecdsa(..) => Mechanism::Ecdsa,
        Scheme::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        Scheme::MlDsa(_) => {
            Mechanism::MlDsa(SignAdditionalContext::new(HedgeType::Preferred, None))
        }
    }
}

/// The bytes that the mechanism gets in order to sign `data`.
pub(super) fn input(scheme: Scheme, data: &[u8]) -> Vec<u8> {
    match scheme {
        Scheme::RsaPkcs1(hash) => [digest_info_prefix(hash), data].concat(),
        Scheme::RsaPss(_) | Scheme::Ecdsa(..) | Scheme::Ed25519 | Scheme::MlDsa(_) => data.to_vec(),
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
