//! Signatures.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature::{
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding,
};
use cryptoki_sys::{
    CK_BYTE, CK_MECHANISM, CK_MECHANISM_TYPE, CK_OBJECT_HANDLE, CK_RSA_PKCS_PSS_PARAMS, CK_RV,
    CK_SESSION_HANDLE, CK_ULONG, CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_SHA256, CKM_SHA384,
    CKM_SHA512, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL, CKR_DATA_INVALID, CKR_FUNCTION_FAILED,
    CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN,
};

use crate::objects::private_key;
use crate::state::with_session;
use crate::token::{Key, KeyPair};

/// A signature that has begun.
pub(crate) struct Operation {
    key: &'static Key,
    mechanism: CK_MECHANISM_TYPE,
    /// The hash of PSS.
    hash: Option<Hash>,
    /// The data of `C_SignUpdate`.
    data: Vec<u8>,
}

/// A hash, how DER names it in a `DigestInfo` (RFC 8017, section 9.2), and its two schemes.
#[derive(Clone, Copy)]
struct Hash {
    mechanism: CK_MECHANISM_TYPE,
    algorithm: &'static digest::Algorithm,
    digest_info: &'static [u8],
    pkcs1: &'static dyn RsaEncoding,
    pss: &'static dyn RsaEncoding,
}

static HASHES: [Hash; 3] = [
    Hash {
        mechanism: CKM_SHA256,
        algorithm: &digest::SHA256,
        digest_info:
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20",
        pkcs1: &RSA_PKCS1_SHA256,
        pss: &RSA_PSS_SHA256,
    },
    Hash {
        mechanism: CKM_SHA384,
        algorithm: &digest::SHA384,
        digest_info:
            b"\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30",
        pkcs1: &RSA_PKCS1_SHA384,
        pss: &RSA_PSS_SHA384,
    },
    Hash {
        mechanism: CKM_SHA512,
        algorithm: &digest::SHA512,
        digest_info:
            b"\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40",
        pkcs1: &RSA_PKCS1_SHA512,
        pss: &RSA_PSS_SHA512,
    },
];

impl Operation {
    fn sign(&self, data: &[u8]) -> Result<Vec<u8>, CK_RV> {
        let imported = |hash: &[u8], algorithm| {
            Digest::import_less_safe(hash, algorithm).map_err(|_| CKR_DATA_INVALID)
        };
        match (&self.key.pair, self.mechanism) {
            (KeyPair::P256(key), CKM_ECDSA) => {
                let digest = imported(data, &digest::SHA256)?;
                let signature = key.sign_digest(&digest).map_err(|_| CKR_FUNCTION_FAILED)?;
                Ok(signature.as_ref().to_vec())
            }
            (KeyPair::Rsa(key), CKM_RSA_PKCS | CKM_RSA_PKCS_PSS) => {
                let (hash, data, scheme) = match self.hash {
                    Some(hash) => (hash, data, hash.pss),
                    None => {
                        let named = HASHES
                            .iter()
                            .find_map(|hash| Some((hash, data.strip_prefix(hash.digest_info)?)));
                        let (hash, data) = named.ok_or(CKR_DATA_INVALID)?;
                        (*hash, data, hash.pkcs1)
                    }
                };
                let digest = imported(data, hash.algorithm)?;
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign_digest(scheme, &digest, &mut signature)
                    .map_err(|_| CKR_FUNCTION_FAILED)?;
                Ok(signature)
            }
            _ => Err(CKR_KEY_TYPE_INCONSISTENT),
        }
    }

    fn signature_len(&self) -> usize {
        match &self.key.pair {
            KeyPair::Rsa(key) => key.public_modulus_len(),
            KeyPair::P256(_) => 64,
        }
    }
}

pub(crate) unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session(session, |session, logged_in| {
        if mechanism.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        if !logged_in {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        // SAFETY: by PKCS#11 the pointer is valid.
        let given = unsafe { mechanism.read_unaligned() };
        let key = private_key(key).ok_or(CKR_KEY_HANDLE_INVALID)?;
        let hash = match given.mechanism {
            CKM_RSA_PKCS | CKM_ECDSA => None,
            CKM_RSA_PKCS_PSS if !given.pParameter.is_null() => {
                let parameter = given.pParameter.cast::<CK_RSA_PKCS_PSS_PARAMS>();
                // SAFETY: this mechanism has this parameter.
                let wanted = unsafe { parameter.read_unaligned() }.hashAlg;
                let hash = HASHES.iter().find(|hash| hash.mechanism == wanted);
                Some(*hash.ok_or(CKR_MECHANISM_PARAM_INVALID)?)
            }
            _ => return Err(CKR_MECHANISM_INVALID),
        };
        let mechanism = given.mechanism;
        session.signature = Some(Operation { key, mechanism, hash, data: Vec::new() });
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_len: CK_ULONG,
    signature: *mut CK_BYTE,
    len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: by PKCS#11 the pointers are valid.
    unsafe { finish(session, data, data_len, signature, len) }
}

pub(crate) unsafe extern "C" fn C_SignUpdate(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
) -> CK_RV {
    with_session(session, |session, _| {
        let operation = session.signature.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        // SAFETY: by PKCS#11 the pointer and the length belong to the data.
        operation.data.extend_from_slice(unsafe { bytes(data, len) });
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_SignFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    len: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: by PKCS#11 the pointers are valid.
    unsafe { finish(session, std::ptr::null_mut(), 0, signature, len) }
}

/// # Safety
/// The pointers are as those of `C_Sign`.
unsafe fn finish(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    data_len: CK_ULONG,
    place: *mut CK_BYTE,
    len: *mut CK_ULONG,
) -> CK_RV {
    with_session(session, |session, _| {
        let operation = session.signature.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if len.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let needed = operation.signature_len();
        // SAFETY: the caller promises a valid pointer.
        let room = unsafe { len.read_unaligned() } as usize;
        // SAFETY: as above.
        unsafe { len.write_unaligned(needed as CK_ULONG) };
        if place.is_null() {
            return Ok(());
        }
        if room < needed {
            return Err(CKR_BUFFER_TOO_SMALL);
        }
        let mut operation = session.signature.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        // SAFETY: the caller promises this data.
        operation.data.extend_from_slice(unsafe { bytes(data, data_len) });
        let signature = operation.sign(&operation.data)?;
        // SAFETY: there is room for this length, which the operation has announced.
        unsafe { place.copy_from(signature.as_ptr(), signature.len()) };
        Ok(())
    })
}

/// # Safety
/// The pointer is null, or has this many bytes.
unsafe fn bytes<'a>(data: *const CK_BYTE, len: CK_ULONG) -> &'a [u8] {
    if data.is_null() {
        return &[];
    }
    // SAFETY: the caller promises it.
    unsafe { std::slice::from_raw_parts(data, len as usize) }
}
