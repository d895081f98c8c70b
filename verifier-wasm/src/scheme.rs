//! The signature schemes, and the check of a signature with each of them.

use ed25519_dalek::Verifier;
use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash};
use rsa::{pkcs1v15, pss};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use signature::hazmat::PrehashVerifier;

/// The public key of a certificate.
pub(crate) enum PublicKey {
    Rsa(rsa::PublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Whether `signature` is one of `data` by this algorithm. `false` too if the algorithm does
    /// not fit the key. `is_der` says how an ECDSA signature is encoded.
    pub(crate) fn accepts(
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
                accepts_pkcs1(key, hash, data, signature)
            }
            (Self::Rsa(key), Algorithm::RsaPss(hash)) => accepts_pss(key, hash, data, signature),
            (Self::Ed25519(key), Algorithm::EdDsa) => {
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(data, &signature).is_ok())
            }
            (Self::P256(key), Algorithm::Hash(_) | Algorithm::Ecdsa(Hash::Sha256)) => {
                use p256::ecdsa::{DerSignature, Signature};
                let signature = if is_der {
                    DerSignature::try_from(signature).and_then(Signature::try_from)
                } else {
                    Signature::from_slice(signature)
                };
                accepts_ecdsa::<32, _>(key, data, signature)
            }
            (Self::P384(key), Algorithm::Hash(_) | Algorithm::Ecdsa(Hash::Sha384)) => {
                use p384::ecdsa::{DerSignature, Signature};
                let signature = if is_der {
                    DerSignature::try_from(signature).and_then(Signature::try_from)
                } else {
                    Signature::from_slice(signature)
                };
                accepts_ecdsa::<48, _>(key, data, signature)
            }
            (Self::P521(key), Algorithm::Hash(_) | Algorithm::Ecdsa(Hash::Sha512)) => {
                use p521::ecdsa::{DerSignature, Signature};
                let signature = if is_der {
                    DerSignature::try_from(signature).and_then(Signature::try_from)
                } else {
                    Signature::from_slice(signature)
                };
                accepts_ecdsa::<66, _>(key, data, signature)
            }
            _ => false,
        }
    }
}

/// The crates refuse a hash that is shorter than half of the curve's order. ECDSA reads the hash as
/// an integer (FIPS 186-5, section 6.4.2), which leading zeros do not change.
fn accepts_ecdsa<const ORDER_LEN: usize, S>(
    key: &impl PrehashVerifier<S>,
    hash: &[u8],
    signature: signature::Result<S>,
) -> bool {
    let zeros = vec![0; ORDER_LEN.saturating_sub(hash.len())];
    let hash = [&zeros, hash].concat();
    signature.is_ok_and(|signature| key.verify_prehash(&hash, &signature).is_ok())
}

fn accepts_pkcs1(key: &rsa::PublicKey, hash: Hash, data: &[u8], signature: &[u8]) -> bool {
    use pkcs1v15::{Signature, VerifyingKey};
    let Ok(signature) = Signature::try_from(signature) else { return false };
    let key = key.clone();
    match hash {
        Hash::Sha1 => VerifyingKey::<Sha1>::new(key).verify_prehash(data, &signature),
        Hash::Sha256 => VerifyingKey::<Sha256>::new(key).verify_prehash(data, &signature),
        Hash::Sha384 => VerifyingKey::<Sha384>::new(key).verify_prehash(data, &signature),
        Hash::Sha512 => VerifyingKey::<Sha512>::new(key).verify_prehash(data, &signature),
    }
    .is_ok()
}

/// The salt is as long as the hash.
fn accepts_pss(key: &rsa::PublicKey, hash: Hash, data: &[u8], signature: &[u8]) -> bool {
    use pss::{Signature, VerifyingKey};
    let Ok(signature) = Signature::try_from(signature) else { return false };
    let key = key.clone();
    match hash {
        Hash::Sha1 => return false,
        Hash::Sha256 => VerifyingKey::<Sha256>::new(key).verify_prehash(data, &signature),
        Hash::Sha384 => VerifyingKey::<Sha384>::new(key).verify_prehash(data, &signature),
        Hash::Sha512 => VerifyingKey::<Sha512>::new(key).verify_prehash(data, &signature),
    }
    .is_ok()
}
