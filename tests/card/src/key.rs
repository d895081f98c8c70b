//! The private keys of a card, and what it does with them. All cryptography comes from RustCrypto.

use p256::ecdsa::signature::hazmat::PrehashSigner;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::rand_core::CryptoRng;
use rsa::traits::PublicKeyParts;
use rsa::{BoxedUint, PrivateKey};

/// A private key.
pub enum Key {
    /// RSA with 2048 bits
    Rsa2048(Box<PrivateKey>),
    /// ECDSA on P-256
    P256(p256::ecdsa::SigningKey),
    /// ECDSA on P-384
    P384(p384::ecdsa::SigningKey),
}

impl Key {
    /// An RSA key from `RSAPrivateKey` in DER (RFC 8017, appendix A.1.2).
    pub fn rsa2048(der: &[u8]) -> Self {
        let key = PrivateKey::from_pkcs1_der(der).expect("an RSA key");
        assert_eq!(key.size(), 256, "the bytes of an RSA key with 2048 bits");
        Self::Rsa2048(Box::new(key))
    }

    /// A key on P-256 from `ECPrivateKey` in DER (RFC 5915, section 3).
    pub fn p256(der: &[u8]) -> Self {
        Self::P256(p256::SecretKey::from_der(der).expect("a key on P-256").into())
    }

    /// A key on P-384 from `ECPrivateKey` in DER (RFC 5915, section 3).
    pub fn p384(der: &[u8]) -> Self {
        Self::P384(p384::SecretKey::from_der(der).expect("a key on P-384").into())
    }

    /// The algorithm's identifier in a command (NIST SP 800-78-4, table 6-2).
    pub(crate) fn algorithm(&self) -> u8 {
        match self {
            Self::Rsa2048(_) => 0x07,
            Self::P256(_) => 0x11,
            Self::P384(_) => 0x14,
        }
    }

    /// The private operation: raw RSA on a padded block, or ECDSA in DER on a hash. Returns `None`
    /// if the input is longer or shorter than the key takes. As on a YubiKey, a hash may be shorter
    /// than the curve's order.
    pub(crate) fn apply(&self, input: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Rsa2048(key) => raw_rsa(key, input),
            Self::P256(key) => {
                let hash: [u8; 32] = left_padded(input)?;
                let signature: p256::ecdsa::Signature = key.sign_prehash(&hash).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
            Self::P384(key) => {
                let hash: [u8; 48] = left_padded(input)?;
                let signature: p384::ecdsa::Signature = key.sign_prehash(&hash).ok()?;
                Some(signature.to_der().as_bytes().to_vec())
            }
        }
    }
}

fn left_padded<const N: usize>(hash: &[u8]) -> Option<[u8; N]> {
    let mut padded = [0; N];
    padded[N.checked_sub(hash.len())?..].copy_from_slice(hash);
    Some(padded)
}

fn raw_rsa(key: &PrivateKey, block: &[u8]) -> Option<Vec<u8>> {
    if block.len() != key.size() {
        return None;
    }
    let block = BoxedUint::from_be_slice(block, key.n_bits_precision()).ok()?;
    let result = rsa::hazmat::rsa_decrypt_and_check(key, NO_BLINDING, &block).ok()?;
    Some(result.to_be_bytes().into_vec())
}

/// These keys protect nothing.
const NO_BLINDING: Option<&mut dyn CryptoRng> = None;
