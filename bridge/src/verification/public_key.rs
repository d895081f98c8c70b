//! The public key of a certificate, and the check of signatures with it, in software. aws-lc does
//! the cryptography, and RustCrypto what aws-lc does not have.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature as lc;
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use der::asn1::UintRef;
use der::{Decode, Encode};
use pkcs11_bridge_certificate::Certificate;
use pkcs11_bridge_certificate::public_key::{self as certified, UnreadableKey};
use pkcs11_bridge_protocol::algorithm::{Hash, MlDsa};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_verifier as rust_crypto;

use super::key_kind::{Curve, KeyKind};
use super::rsa_public_key::RsaPublicKey;
use super::scheme::Scheme;
use crate::certificate::fingerprint::Named;

/// The key in a certificate's `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7).
pub struct PublicKey {
    kind: KeyKind,
    /// The content of `subjectPublicKey`.
    bytes: Vec<u8>,
    parsed: RwLock<Vec<(Scheme, Arc<ParsedKey>)>>,
}

impl PublicKey {
    /// Reads the public key of a certificate. `id` is the certificate's id, for error texts.
    pub fn of_certificate(der: &[u8], id: &str) -> Result<Self, Failure> {
        let certificate = Certificate::read(der).map_err(|error| unreadable(id, &error))?;
        let key = certificate.public_key().map_err(|error| unreadable(id, &error))?;
        Self::new(key, id)
    }

    /// Reads the `SubjectPublicKeyInfo` of a key without a certificate. `id` is the key's id, for
    /// error texts.
    pub fn of_info(der: &[u8], id: &str) -> Result<Self, Failure> {
        let key = certified::PublicKey::of_info(der).map_err(|error| unreadable(id, &error))?;
        Self::new(key, id)
    }

    fn new(key: certified::PublicKey<'_>, id: &str) -> Result<Self, Failure> {
        let unsupported = |kind: &certified::KeyKind| {
            Failure::new(
                ErrorCode::AlgorithmUnsupported,
                format!(
                    "The bridge cannot check signatures of {}, because its key is {kind}. Choose \
                     another certificate.",
                    Named(id)
                ),
            )
        };
        let kind = KeyKind::of(&key.kind).ok_or_else(|| unsupported(&key.kind))?;
        let bytes = match kind {
            KeyKind::Rsa | KeyKind::RsaPss(_) => {
                rsa_in_der(&key).ok_or_else(|| unreadable(id, &UnreadableKey))?
            }
            _ => key.bytes.into_owned(),
        };
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
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The modulus of an RSA key (RFC 8017, appendix A.1.1), big-endian without leading zeros.
    pub fn modulus(&self) -> Option<Vec<u8>> {
        let key = self.kind.is_rsa().then_some(&self.bytes)?;
        RsaPublicKey::from_der(key).ok().map(|key| key.modulus.as_bytes().to_vec())
    }

    /// The verifier for signatures of this scheme. Fails if the bridge cannot check them.
    pub fn verifier(&self, scheme: Scheme) -> Result<Verifier, Failure> {
        let known = self.parsed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, key)) = known.iter().find(|(of, _)| *of == scheme) {
            return Ok(self.verifier_with(scheme, Arc::clone(key)));
        }
        drop(known);
        let key = Some(scheme)
            .filter(|scheme| self.is_long_enough(*scheme))
            .and_then(|scheme| self.parse(scheme))
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

    fn verifier_with(&self, scheme: Scheme, key: Arc<ParsedKey>) -> Verifier {
        Verifier { scheme, key, rsa_len: self.modulus().map(|modulus| modulus.len()) }
    }

    fn parse(&self, scheme: Scheme) -> Option<ParsedKey> {
        match algorithm(scheme) {
            Some(algorithm) => {
                ParsedPublicKey::new(algorithm, &self.bytes).ok().map(ParsedKey::AwsLc)
            }
            None => {
                let (kind, bytes) = (self.kind.certified(), self.bytes.as_slice().into());
                let key = rust_crypto::PublicKey::of(&certified::PublicKey { kind, bytes });
                key.map(ParsedKey::RustCrypto)
            }
        }
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

fn unreadable(id: &str, problem: &dyn fmt::Display) -> Failure {
    Failure::new(
        ErrorCode::Internal,
        format!(
            "The bridge cannot use {} on the token: {problem}. Choose another certificate.",
            Named(id)
        ),
    )
}

/// A key that checks signatures of one scheme.
enum ParsedKey {
    AwsLc(ParsedPublicKey),
    /// For schemes that aws-lc does not have.
    RustCrypto(rust_crypto::PublicKey),
}

/// Checks signatures of one key and scheme.
#[derive(Clone)]
pub struct Verifier {
    scheme: Scheme,
    key: Arc<ParsedKey>,
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

    /// Whether a check takes about as long as its way to another thread and back, which is some
    /// 0.05 ms. Others take up to some ms.
    pub(crate) fn is_quick(&self) -> bool {
        let is_quick_scheme = match self.scheme {
            Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => {
                self.rsa_len.is_some_and(|len| len <= MAX_QUICK_RSA_LEN)
            }
            Scheme::Ecdsa(curve, _) => curve == Curve::P256,
            Scheme::Ed25519 => true,
            Scheme::Ed448 | Scheme::MlDsa(_) => false,
        };
        is_quick_scheme && matches!(&*self.key, ParsedKey::AwsLc(_))
    }

    /// Whether `signature` is a signature of `data`. An ECDSA signature must be in DER.
    pub fn accepts(&self, data: &[u8], signature: &[u8]) -> bool {
        let key = match &*self.key {
            ParsedKey::AwsLc(key) => key,
            ParsedKey::RustCrypto(key) => {
                let is_der = true;
                return key.accepts(self.scheme.algorithm(), data, signature, is_der);
            }
        };
        let Some((algorithm, value)) = digest_of(self.scheme, data) else {
            return key.verify_sig(data, signature).is_ok();
        };
        Digest::import_less_safe(&value, algorithm)
            .is_ok_and(|digest| key.verify_digest_sig(&digest, signature).is_ok())
    }
}

/// 4096 bits
const MAX_QUICK_RSA_LEN: usize = 512;

/// The key in DER, which aws-lc requires. The certificate may have it in BER.
fn rsa_in_der(key: &certified::PublicKey<'_>) -> Option<Vec<u8>> {
    let key = key.rsa()?;
    let (modulus, public_exponent) = (UintRef::new(key.modulus), UintRef::new(key.exponent));
    let key = RsaPublicKey { modulus: modulus.ok()?, public_exponent: public_exponent.ok()? };
    key.to_der().ok()
}

/// The digest that aws-lc checks; `None` if aws-lc gets the message itself, or does not have the
/// scheme.
fn digest_of(scheme: Scheme, data: &[u8]) -> Option<(&'static digest::Algorithm, Cow<'_, [u8]>)> {
    let algorithm = match scheme {
        Scheme::RsaPkcs1(hash) | Scheme::RsaPss(hash) => match hash {
            Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Hash::Sha256 => &digest::SHA256,
            Hash::Sha384 => &digest::SHA384,
            Hash::Sha512 => &digest::SHA512,
            _ => return None,
        },
        Scheme::Ecdsa(curve, _) => {
            let algorithm = match curve {
                Curve::P256 | Curve::Secp256k1 => &digest::SHA256,
                Curve::P384 => &digest::SHA384,
                Curve::P521 => &digest::SHA512,
                Curve::BrainpoolP256r1 | Curve::BrainpoolP384r1 | Curve::BrainpoolP512r1 => {
                    return None;
                }
            };
            return Some((algorithm, of_length(data, algorithm.output_len())));
        }
        Scheme::Ed25519 | Scheme::Ed448 | Scheme::MlDsa(_) => return None,
    };
    Some((algorithm, data.into()))
}

/// A hash with the same meaning for ECDSA (FIPS 186-5, section 6.4.2): it takes as many leading
/// bits as the curve's order has, and reads them as an integer. P-521 takes all bits of every hash.
fn of_length(hash: &[u8], len: usize) -> Cow<'_, [u8]> {
    match len.checked_sub(hash.len()) {
        None => hash[..len].into(),
        Some(0) => hash.into(),
        Some(missing) => [&vec![0; missing], hash].concat().into(),
    }
}

/// The algorithm of aws-lc. For ECDSA it is the same for all hashes, because the hash gets the
/// length that it has.
fn algorithm(scheme: Scheme) -> Option<&'static dyn VerificationAlgorithm> {
    use Hash::{Sha1, Sha256, Sha384, Sha512};
    Some(match scheme {
        Scheme::RsaPkcs1(Sha1) => &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1(Sha256) => &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPkcs1(Sha384) => &lc::RSA_PKCS1_2048_8192_SHA384,
        Scheme::RsaPkcs1(Sha512) => &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        Scheme::RsaPss(Sha256) => &lc::RSA_PSS_2048_8192_SHA256,
        Scheme::RsaPss(Sha384) => &lc::RSA_PSS_2048_8192_SHA384,
        Scheme::RsaPss(Sha512) => &lc::RSA_PSS_2048_8192_SHA512,
        Scheme::RsaPkcs1(_) | Scheme::RsaPss(_) => return None,
        Scheme::Ecdsa(Curve::P256, _) => &lc::ECDSA_P256_SHA256_ASN1,
        Scheme::Ecdsa(Curve::P384, _) => &lc::ECDSA_P384_SHA384_ASN1,
        Scheme::Ecdsa(Curve::P521, _) => &lc::ECDSA_P521_SHA512_ASN1,
        Scheme::Ecdsa(Curve::Secp256k1, _) => &lc::ECDSA_P256K1_SHA256_ASN1,
        Scheme::Ecdsa(_, _) | Scheme::Ed448 => return None,
        Scheme::Ed25519 => &lc::ED25519,
        Scheme::MlDsa(MlDsa::MlDsa44) => &lc::ML_DSA_44,
        Scheme::MlDsa(MlDsa::MlDsa65) => &lc::ML_DSA_65,
        Scheme::MlDsa(MlDsa::MlDsa87) => &lc::ML_DSA_87,
    })
}

#[cfg(test)]
mod tests {
    use pkcs11_bridge_protocol::algorithm::Algorithm;

    use super::*;

    #[test]
    fn only_aws_lc_is_quick() {
        let der = include_bytes!("../../../client-wasm/tests/certificates/rsa-2048.der");
        let key = PublicKey::of_certificate(der, "01").unwrap();
        let is_quick = |name: &str| {
            let scheme = Scheme::new(name.parse::<Algorithm>().unwrap(), key.kind()).unwrap();
            key.verifier(scheme).unwrap().is_quick()
        };
        assert!(is_quick("sha256") && is_quick("PS512"));
        assert!(!is_quick("sha3-256") && !is_quick("sha224"));
    }
}
