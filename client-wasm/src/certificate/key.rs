//! The public key of a certificate: its type, size and curve.

use std::borrow::Cow;

use x509_cert::der::asn1::UintRef;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoOwned;

/// The fields of a parsed certificate that describe its public key.
pub(super) struct Key {
    pub(super) key_type: Cow<'static, str>,
    pub(super) key_size: Option<u32>,
    pub(super) curve: Option<Cow<'static, str>>,
}

impl Key {
    pub(super) fn of(info: &SubjectPublicKeyInfoOwned) -> Self {
        match info.algorithm.oid {
            RSA | RSA_PSS => Self {
                key_type: "RSA".into(),
                key_size: info.subject_public_key.as_bytes().and_then(|key| modulus_bits(key).ok()),
                curve: None,
            },
            EC => {
                let curve = info.algorithm.parameters.as_ref().and_then(|oid| oid.decode_as().ok());
                let known = CURVES.iter().find(|(oid, ..)| Some(*oid) == curve);
                Self {
                    key_type: "EC".into(),
                    key_size: known.map(|(_, _, bits)| *bits),
                    curve: match known {
                        Some((_, name, _)) => Some((*name).into()),
                        None => curve.map(|oid| oid.to_string().into()),
                    },
                }
            }
            ED25519 => Self { key_type: "Ed25519".into(), key_size: Some(256), curve: None },
            oid => Self { key_type: oid.to_string().into(), key_size: None, curve: None },
        }
    }
}

/// The length of the modulus of an `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn modulus_bits(key: &[u8]) -> der::Result<u32> {
    SliceReader::new(key)?.sequence(|reader| {
        let modulus = UintRef::decode(reader)?;
        let _exponent = UintRef::decode(reader)?;
        let bytes = modulus.as_bytes();
        let leading = bytes.first().map_or(0, |byte| byte.leading_zeros());
        Ok(bytes.len() as u32 * 8 - leading)
    })
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// RFC 5480, section 2.1.1.1; SEC 2; RFC 5639
const CURVES: [(ObjectIdentifier, &str, u32); 9] = [
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.1"), "P-192", 192),
    (ObjectIdentifier::new_unwrap("1.3.132.0.33"), "P-224", 224),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), "P-256", 256),
    (ObjectIdentifier::new_unwrap("1.3.132.0.34"), "P-384", 384),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "P-521", 521),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "secp256k1", 256),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.7"), "brainpoolP256r1", 256),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.11"), "brainpoolP384r1", 384),
    (ObjectIdentifier::new_unwrap("1.3.36.3.3.2.8.1.1.13"), "brainpoolP512r1", 512),
];
