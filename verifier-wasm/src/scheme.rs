//! The signature schemes, and the check of a signature with each of them.

use ed25519_dalek::Verifier;
use pkcs11_bridge_certificate::public_key::{self as certified, Curve, KeyKind, PssHash};
use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash};
use rsa::{BoxedUint, pkcs1v15, pss};
use sha1::Sha1;
use sha2::digest::const_oid::AssociatedOid;
use sha2::digest::{Digest, FixedOutputReset};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use sha3::{Sha3_224, Sha3_256, Sha3_384, Sha3_512};
use signature::hazmat::PrehashVerifier;

#[cfg(not(target_family = "wasm"))]
use crate::brainpool_p512r1::BrainpoolP512r1;

/// The public key of a certificate.
pub enum PublicKey {
    /// RSA
    Rsa(rsa::PublicKey),
    /// RSA for PSS only
    RsaPss(rsa::PublicKey, PssHash),
    /// NIST P-256
    P256(p256::ecdsa::VerifyingKey),
    /// NIST P-384
    P384(p384::ecdsa::VerifyingKey),
    /// NIST P-521
    P521(p521::ecdsa::VerifyingKey),
    /// SEC 2
    Secp256k1(k256::ecdsa::VerifyingKey),
    /// RFC 5639
    BrainpoolP256r1(ecdsa::VerifyingKey<bp256::BrainpoolP256r1>),
    /// RFC 5639
    BrainpoolP384r1(ecdsa::VerifyingKey<bp384::BrainpoolP384r1>),
    /// RFC 5639
    #[cfg(not(target_family = "wasm"))]
    BrainpoolP512r1(ecdsa::VerifyingKey<BrainpoolP512r1>),
    /// RFC 8032
    Ed25519(ed25519_dalek::VerifyingKey),
    /// RFC 8032
    #[cfg(not(target_family = "wasm"))]
    Ed448(Box<ed448_goldilocks::VerifyingKey>),
}

/// Whether a signature is one of the hash. Tokens and pages write ECDSA signatures in two forms.
macro_rules! accepts_ecdsa {
    ($ecdsa:path, $order_len:literal, $key:expr, $hash:expr, $signature:expr, $is_der:expr) => {{
        use $ecdsa::{DerSignature, Signature};
        let signature = if $is_der {
            DerSignature::try_from($signature).and_then(Signature::try_from)
        } else {
            Signature::from_slice($signature)
        };
        // `k256` refuses a large s, which tokens make too. The negative s is as valid.
        let signature = signature.map(|signature| signature.normalize_s());
        accepts_prehash::<$order_len, _>($key, $hash, signature)
    }};
}

/// Calls `$check` with the type of a hash.
macro_rules! with_type_of {
    ($hash:expr, $check:ident($($argument:expr),*)) => {
        match $hash {
            Hash::Sha1 => $check::<Sha1>($($argument),*),
            Hash::Sha224 => $check::<Sha224>($($argument),*),
            Hash::Sha256 => $check::<Sha256>($($argument),*),
            Hash::Sha384 => $check::<Sha384>($($argument),*),
            Hash::Sha512 => $check::<Sha512>($($argument),*),
            Hash::Sha3_224 => $check::<Sha3_224>($($argument),*),
            Hash::Sha3_256 => $check::<Sha3_256>($($argument),*),
            Hash::Sha3_384 => $check::<Sha3_384>($($argument),*),
            Hash::Sha3_512 => $check::<Sha3_512>($($argument),*),
        }
    };
}

/// The hash of a message.
pub(crate) fn hashed(hash: Hash, message: &[u8]) -> Vec<u8> {
    fn digest<D: Digest>(message: &[u8]) -> Vec<u8> {
        D::digest(message).to_vec()
    }
    with_type_of!(hash, digest(message))
}

impl PublicKey {
    /// The key of a certificate. `None` if this crate cannot check signatures of the key.
    pub fn of(key: &certified::PublicKey<'_>) -> Option<Self> {
        let bytes = key.bytes.as_ref();
        Some(match key.kind {
            KeyKind::Rsa => Self::Rsa(rsa_key(key)?),
            KeyKind::RsaPss(hash) => Self::RsaPss(rsa_key(key)?, hash),
            KeyKind::Ec(Curve::P256) => {
                Self::P256(p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            KeyKind::Ec(Curve::P384) => {
                Self::P384(p384::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            KeyKind::Ec(Curve::P521) => {
                Self::P521(p521::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            KeyKind::Ec(Curve::Secp256k1) => {
                Self::Secp256k1(k256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            KeyKind::Ec(Curve::BrainpoolP256r1) => {
                Self::BrainpoolP256r1(ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            KeyKind::Ec(Curve::BrainpoolP384r1) => {
                Self::BrainpoolP384r1(ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            #[cfg(not(target_family = "wasm"))]
            KeyKind::Ec(Curve::BrainpoolP512r1) => {
                Self::BrainpoolP512r1(ecdsa::VerifyingKey::from_sec1_bytes(bytes).ok()?)
            }
            KeyKind::Ed25519 => Self::Ed25519(bytes.try_into().ok()?),
            #[cfg(not(target_family = "wasm"))]
            KeyKind::Ed448 => {
                let key = ed448_goldilocks::VerifyingKey::from_bytes(bytes.try_into().ok()?);
                Self::Ed448(Box::new(key.ok()?))
            }
            _ => return None,
        })
    }

    /// Whether `signature` is one of `data` by this algorithm. `false` too if the algorithm does
    /// not fit the key. `is_der` says how an ECDSA signature is encoded.
    pub fn accepts(
        &self,
        algorithm: Algorithm,
        data: &[u8],
        signature: &[u8],
        is_der: bool,
    ) -> bool {
        if algorithm.hash().is_some_and(|hash| hash.output_len() != data.len()) {
            return false;
        }
        match (self, algorithm) {
            (Self::Rsa(key), Algorithm::Hash(hash) | Algorithm::RsaPkcs1(hash)) => {
                with_type_of!(hash, accepts_pkcs1(key, data, signature))
            }
            (Self::Rsa(key), Algorithm::RsaPss(hash)) => {
                with_type_of!(hash, accepts_pss(key, data, signature))
            }
            (Self::RsaPss(key, restriction), Algorithm::Hash(hash) | Algorithm::RsaPss(hash)) => {
                restriction.allows(hash) && with_type_of!(hash, accepts_pss(key, data, signature))
            }
            (Self::P256(key), Algorithm::Hash(_) | Algorithm::Ecdsa(Hash::Sha256)) => {
                accepts_ecdsa!(p256::ecdsa, 32, key, data, signature, is_der)
            }
            (Self::P384(key), Algorithm::Hash(_) | Algorithm::Ecdsa(Hash::Sha384)) => {
                accepts_ecdsa!(p384::ecdsa, 48, key, data, signature, is_der)
            }
            (Self::P521(key), Algorithm::Hash(_) | Algorithm::Ecdsa(Hash::Sha512)) => {
                accepts_ecdsa!(p521::ecdsa, 66, key, data, signature, is_der)
            }
            (Self::Secp256k1(key), Algorithm::Hash(_)) => {
                accepts_ecdsa!(k256::ecdsa, 32, key, data, signature, is_der)
            }
            (Self::BrainpoolP256r1(key), Algorithm::Hash(_)) => {
                accepts_ecdsa!(bp256::r1::ecdsa, 32, key, data, signature, is_der)
            }
            (Self::BrainpoolP384r1(key), Algorithm::Hash(_)) => {
                accepts_ecdsa!(bp384::r1::ecdsa, 48, key, data, signature, is_der)
            }
            #[cfg(not(target_family = "wasm"))]
            (Self::BrainpoolP512r1(key), Algorithm::Hash(_)) => {
                accepts_ecdsa!(crate::brainpool_p512r1, 64, key, data, signature, is_der)
            }
            (Self::Ed25519(key), Algorithm::EdDsa) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(data, &signature).is_ok())
            }
            #[cfg(not(target_family = "wasm"))]
            (Self::Ed448(key), Algorithm::EdDsa) => {
                let signature = ed448_goldilocks::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify_raw(&signature, data).is_ok())
            }
            _ => false,
        }
    }
}

fn rsa_key(key: &certified::PublicKey<'_>) -> Option<rsa::PublicKey> {
    let key = key.rsa()?;
    let [modulus, exponent] = [key.modulus, key.exponent].map(BoxedUint::from_be_slice_vartime);
    rsa::PublicKey::new(modulus, exponent).ok()
}

/// The crates refuse a hash that is shorter than half of the curve's order. ECDSA reads the hash as
/// an integer (FIPS 186-5, section 6.4.2), which leading zeros do not change.
fn accepts_prehash<const ORDER_LEN: usize, S>(
    key: &impl PrehashVerifier<S>,
    hash: &[u8],
    signature: signature::Result<S>,
) -> bool {
    let zeros = vec![0; ORDER_LEN.saturating_sub(hash.len())];
    let hash = [&zeros, hash].concat();
    signature.is_ok_and(|signature| key.verify_prehash(&hash, &signature).is_ok())
}

fn accepts_pkcs1<H>(key: &rsa::PublicKey, hash: &[u8], signature: &[u8]) -> bool
where
    H: Digest + AssociatedOid,
{
    let key = pkcs1v15::VerifyingKey::<H>::new(key.clone());
    pkcs1v15::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify_prehash(hash, &signature).is_ok())
}

/// The salt is as long as the hash.
fn accepts_pss<H>(key: &rsa::PublicKey, hash: &[u8], signature: &[u8]) -> bool
where
    H: Digest + FixedOutputReset,
{
    let key = pss::VerifyingKey::<H>::new(key.clone());
    pss::Signature::try_from(signature)
        .is_ok_and(|signature| key.verify_prehash(hash, &signature).is_ok())
}
