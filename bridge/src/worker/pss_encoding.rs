//! The encoding of PSS (RFC 8017, section 9.1.1), for tokens that only calculate with an RSA key.
//! aws-lc encodes. Its safe interface does so only for keys that it has itself.

#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::{self, NonNull};

use aws_lc_sys::{
    BIGNUM, BN_bin2bn, BN_free, BN_new, BN_set_word, EVP_MD, RSA, RSA_free, RSA_new_public_key,
    RSA_padding_add_PKCS1_PSS_mgf1, RSA_size,
};
use pkcs11_bridge_protocol::algorithm::Hash;

/// The encoded hash, as long as the modulus; `None` if the key is too short, or no RSA key. The
/// salt is as long as the hash. `modulus` is big-endian.
pub(super) fn encode(modulus: &[u8], hash: Hash, digest: &[u8]) -> Option<Vec<u8>> {
    let digest = Some(digest).filter(|digest| digest.len() == hash.output_len())?;
    let key = PublicKey::new(modulus)?;
    let mut encoded = vec![0; key.size()];
    let function = function(hash);
    let salt_len = c_int::try_from(digest.len()).ok()?;
    // SAFETY: The key is valid, and `encoded` as long as its modulus, to which the function writes.
    // `digest` has the length of the hash, which the function reads.
    let done = unsafe {
        RSA_padding_add_PKCS1_PSS_mgf1(
            key.0.as_ptr(),
            encoded.as_mut_ptr(),
            digest.as_ptr(),
            function,
            function,
            salt_len,
        )
    };
    (done == 1).then_some(encoded)
}

/// The encoding depends on the modulus only. The exponent is a usual one.
struct PublicKey(NonNull<RSA>);

impl PublicKey {
    fn new(modulus: &[u8]) -> Option<Self> {
        let (modulus, exponent) = (Number::from_bytes(modulus)?, Number::from_word(65537)?);
        // SAFETY: Both numbers are valid. The function copies them.
        let key = unsafe { RSA_new_public_key(modulus.0.as_ptr(), exponent.0.as_ptr()) };
        NonNull::new(key).map(Self)
    }

    /// The length of the modulus in bytes.
    fn size(&self) -> usize {
        // SAFETY: The key is valid.
        unsafe { RSA_size(self.0.as_ptr()) as usize }
    }
}

impl Drop for PublicKey {
    fn drop(&mut self) {
        // SAFETY: The key is valid, and nobody uses it after this.
        unsafe { RSA_free(self.0.as_ptr()) }
    }
}

struct Number(NonNull<BIGNUM>);

impl Number {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        // SAFETY: The function reads the bytes of the slice, and makes a new number.
        NonNull::new(unsafe { BN_bin2bn(bytes.as_ptr(), bytes.len(), ptr::null_mut()) }).map(Self)
    }

    fn from_word(word: u64) -> Option<Self> {
        // SAFETY: The function makes a new number.
        let number = Self(NonNull::new(unsafe { BN_new() })?);
        // SAFETY: The number is valid.
        (unsafe { BN_set_word(number.0.as_ptr(), word) } == 1).then_some(number)
    }
}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: The number is valid, and nobody uses it after this.
        unsafe { BN_free(self.0.as_ptr()) }
    }
}

fn function(hash: Hash) -> *const EVP_MD {
    // SAFETY: The functions return constants.
    unsafe {
        match hash {
            Hash::Sha1 => aws_lc_sys::EVP_sha1(),
            Hash::Sha224 => aws_lc_sys::EVP_sha224(),
            Hash::Sha256 => aws_lc_sys::EVP_sha256(),
            Hash::Sha384 => aws_lc_sys::EVP_sha384(),
            Hash::Sha512 => aws_lc_sys::EVP_sha512(),
            Hash::Sha3_224 => aws_lc_sys::EVP_sha3_224(),
            Hash::Sha3_256 => aws_lc_sys::EVP_sha3_256(),
            Hash::Sha3_384 => aws_lc_sys::EVP_sha3_384(),
            Hash::Sha3_512 => aws_lc_sys::EVP_sha3_512(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_encoded_for_a_key_that_is_long_enough() {
        let modulus = |len: usize| [&[0xc0], &vec![0x5a; len - 2][..], &[0x01]].concat();
        let (hash, digest) = (Hash::Sha512, [7; 64]);
        let encoded = encode(&modulus(256), hash, &digest).unwrap();
        // RFC 8017, section 9.1.1, steps 11 and 12.
        assert!(encoded.len() == 256 && encoded[0] < 0x80 && encoded[255] == 0xbc);
        assert_ne!(encode(&modulus(256), hash, &digest).unwrap(), encoded, "no new salt");
        assert!(encode(&modulus(128), hash, &digest).is_none(), "the key is too short");
        assert!(encode(&modulus(256), hash, &digest[1..]).is_none(), "no SHA-512");
        assert!(encode(&[], hash, &digest).is_none());
    }
}
