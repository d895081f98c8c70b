//! The public key of a certificate, and the check of signatures with it, in software. aws-lc does
//! the cryptography.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature as lc;
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use der::Decode;
use der::asn1::ObjectIdentifier;
use pkcs11_bridge_protocol::algorithm::{Hash, MlDsa};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use x509_cert::Certificate;

use super::key_kind::{Curve, KeyKind};
use super::rsa_public_key::RsaPublicKey;
use super::scheme::Scheme;

/// The key in a certificate's `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
pub struct PublicKey {
    kind: KeyKind,
    /// The content of `subjectPublicKey`.
    bytes: Vec<u8>,
    parsed: RwLock<Vec<(Scheme, Arc<ParsedPublicKey>)>>,
}

impl PublicKey {
    /// Reads the public key of a certificate. `id` is the certificate's id, for error texts.
    pub fn of_certificate(der: &[u8], id: &str) -> Result<Self, Failure> {
        let unreadable = |problem: &dyn fmt::Display| {
            Failure::new(
                ErrorCode::Internal,
                format!(
                    "The bridge cannot use certificate {id} on the token: {problem}. Choose \
                     another certificate."
                ),
            )
        };
        let certificate = Certificate::from_der(der).map_err(|error| unreadable(&error))?;
        let info = certificate.tbs_certificate().subject_public_key_info();
        let curve = info
            .algorithm
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
        let kind = match (info.algorithm.oid, curve) {
            (RSA, _) => KeyKind::Rsa,
            (EC, Some(P256)) => KeyKind::Ec(Curve::P256),
            (EC, Some(P384)) => KeyKind::Ec(Curve::P384),
            (EC, Some(P521)) => KeyKind::Ec(Curve::P521),
            (ED25519, _) => KeyKind::Ed25519,
            (ML_DSA_44, _) => KeyKind::MlDsa(MlDsa::MlDsa44),
            (ML_DSA_65, _) => KeyKind::MlDsa(MlDsa::MlDsa65),
            (ML_DSA_87, _) => KeyKind::MlDsa(MlDsa::MlDsa87),
            (oid, _) => {
                return Err(Failure::new(
                    ErrorCode::AlgorithmUnsupported,
                    format!(
                        "The bridge does not support the key of certificate {id} ({oid}). Choose a \
                         certificate with an RSA key, or with an EC key on P-256, P-384 or P-521."
                    ),
                ));
            }
        };
        let bytes = info
            .subject_public_key
            .as_bytes()
            .ok_or_else(|| unreadable(&"its public key is not a whole number of bytes"))?
            .to_vec();
        Ok(Self { kind, bytes, parsed: RwLock::default() })
    }

    /// A key that verifies nothing.
    #[cfg(test)]
    pub(crate) fn malformed() -> Self {
        Self { kind: KeyKind::Ed25519, bytes: Vec::new(), parsed: RwLock::default() }
    }

    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The content of `subjectPublicKey`. For an EC key it is a point.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The modulus of an RSA key (RFC 8017, appendix A.1.1), big-endian without leading zeros.
    pub fn modulus(&self) -> Option<Vec<u8>> {
        let key = (self.kind == KeyKind::Rsa).then_some(&self.bytes)?;
        RsaPublicKey::from_der(key).ok().map(|key| key.modulus.as_bytes().to_vec())
    }

    /// The verifier for signatures of this scheme. Fails if the bridge cannot check them.
    pub fn verifier(&self, scheme: Scheme) -> Result<Verifier, Failure> {
        let known = self.parsed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = known.iter().find(|(of, _)| *of == scheme) {
            return Ok(self.verifier_with(scheme, Arc::clone(key)));
        }
        drop(known);
        let key = algorithm(scheme)
            .filter(|_| self.is_long_enough(scheme))
            .and_then(|algorithm| ParsedPublicKey::new(algorithm, &self.bytes).ok())
            .map(Arc::new)
            .ok_or_else(|| {
                Failure::new(
                    ErrorCode::AlgorithmUnsupported,
                    format!(
                        "Signatures of {} with this algorithm cannot be checked, because the key \
                         is too short or malformed. Choose another algorithm or certificate.",
                        self.kind
                    ),
                )
            })?;
        let mut known = self.parsed.write().unwrap_or_else(PoisonError::into_inner);
        known.push((scheme, Arc::clone(&key)));
        Ok(self.verifier_with(scheme, key))
    }

    fn verifier_with(&self, scheme: Scheme, key: Arc<ParsedPublicKey>) -> Verifier {
        Verifier { scheme, key, rsa_len: self.modulus().map(|modulus| modulus.len()) }
    }

    /// aws-lc does not report an RSA key that is too short for it. It refuses every signature.
    fn is_long_enough(&self, scheme: Scheme) -> bool {
        let min_bits = match scheme {
            Scheme::RsaPkcs1(Hash::Sha384) | Scheme::RsaPss(_) => 2048,
            Scheme::RsaPkcs1(_) => 1024,
            _ => return true,
        };
        self.modulus().is_some_and(|modulus| modulus.len() * 8 >= min_bits)
    }
}

/// Checks signatures of one key and scheme.
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    key: Arc<ParsedPublicKey>,
    rsa_len: Option<usize>,
}

impl Verifier {
    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The length of signatures in bytes, if the key is an RSA key.
    pub(crate) fn rsa_len(&self) -> Option<usize> {
        self.rsa_len
    }

    /// Whether `signature` is a signature of `data`. An ECDSA signature must be in DER.
    pub fn accepts(&self, data: &[u8], signature: &[u8]) -> bool {
        let Some((algorithm, value)) = digest_of(self.scheme, data) else {
            return self.key.verify_sig(data, signature).is_ok();
        };
        Digest::import_less_safe(&value, algorithm)
            .is_ok_and(|digest| self.key.verify_digest_sig(&digest, signature).is_ok())
    }
}

/// The digest that aws-lc checks; `None` if aws-lc gets the message itself.
fn digest_of(scheme: Scheme, data: &[u8]) -> Option<(&'static digest::Algorithm, Cow<'_, [u8]>)> {
    let hash = match scheme {
        // aws-lc has no algorithm for P-384 with SHA-1. ECDSA reads the hash as an integer (FIPS
        // 186-5, section 6.4.2), which leading zeros do not change.
        Scheme::Ecdsa(Curve::P384, Hash::Sha1) => {
            let mut padded = vec![0; Hash::Sha256.output_len() - data.len()];
            padded.extend_from_slice(data);
            return Some((&digest::SHA256, padded.into()));
        }
        Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) | Scheme::Ecdsa(_, hash) => hash,
        Scheme::Ed25519 | Scheme::MlDsa(_) => return None,
    };
    let algorithm = match hash {
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    Some((algorithm, data.into()))
}

fn algorithm(scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
    use Curve::{P256, P384, P521};
    use Hash::{Sha1, Sha256, Sha384, Sha512};
    Some(match scheme {
        Scheme::RsaPkcs1(Sha1) => &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1(Sha256) => &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1(Sha384) => &lc::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1(Sha512) => &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPss(Sha1) => return None,
        Scheme::RsaPss(Sha256) => &lc::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPss(Sha384) => &lc::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPss(Sha512) => &lc::RSA_PSS_2048_8192_SHA512,
        Scheme::Ecdsa(P256, Sha1) => &lc::ECDSA_P256_SHA1_ASN1,
        Scheme::Ecdsa(P256, Sha256) => &lc::ECDSA_P256_SHA256_ASN1,
        Scheme::Ecdsa(P256, Sha384) => &lc::ECDSA_P256_SHA384_ASN1,
        Scheme::Ecdsa(P256, Sha512) => &lc::ECDSA_P256_SHA512_ASN1,
        Scheme::Ecdsa(P384, Sha1 | Sha256) => &lc::ECDSA_P384_SHA256_ASN1,
        Scheme::Ecdsa(P384, Sha384) => &lc::ECDSA_P384_SHA384_ASN1,
        Scheme::Ecdsa(P384, Sha512) => &lc::ECDSA_P384_SHA512_ASN1,
        Scheme::Ecdsa(P521, Sha1) => &lc::ECDSA_P521_SHA1_ASN1,
        Scheme::Ecdsa(P521, Sha256) => &lc::ECDSA_P521_SHA256_ASN1,
        Scheme::Ecdsa(P521, Sha384) => &lc::ECDSA_P521_SHA384_ASN1,
        Scheme::Ecdsa(P521, Sha512) => &lc::ECDSA_P521_SHA512_ASN1,
        Scheme::Ed25519 => &lc::ED25519,
        Scheme::MlDsa(MlDsa::MlDsa44) => &lc::ML_DSA_44,
        Scheme::MlDsa(MlDsa::MlDsa65) => &lc::ML_DSA_65,
        Scheme::MlDsa(MlDsa::MlDsa87) => &lc::ML_DSA_87,
    })
}

// RFC 8017, appendix C; RFC 5480, section 2.1.1; RFC 8410, section 3; RFC 9881, section 2.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");
