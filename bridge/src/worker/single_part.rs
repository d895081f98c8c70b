//! Calls `C_Sign` on its own (PKCS#11 3.2, section 5.13.2). A key that always authenticates needs
//! `C_Login` between `C_SignInit` and `C_Sign`. cryptoki offers only the two together, and calls
//! `C_Sign` twice, once for the length.

#![allow(unsafe_code)]

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv, RvError};
use cryptoki::session::Session;
use cryptoki_sys::{CK_BYTE, CK_ULONG};

use super::library::Functions;

/// Signs `data` with the operation that `C_SignInit` began on the session, and ends the operation.
/// The session belongs to the module with these functions.
pub(super) fn sign(functions: &Functions, session: &Session, data: &[u8]) -> Result<Vec<u8>> {
    let sign = functions.list().C_Sign.ok_or(Error::NullFunctionPointer)?;
    let mut input = data.to_vec();
    let input_len = CK_ULONG::try_from(input.len())?;
    // If the signature does not fit, the module returns its length and the operation stays active
    // (section 5.2). Then the second call gets the signature.
    let mut capacity = LIKELY_LEN;
    for _ in 0..2 {
        let mut signature: Vec<CK_BYTE> = vec![0; capacity];
        let mut len = CK_ULONG::try_from(capacity)?;
        // SAFETY: both buffers have the lengths that the call names, and outlive the call. The
        // session is open, so the module is loaded. No other thread uses the session, because a
        // `Session` is not `Sync`.
        let rv = unsafe {
            sign(
                session.handle(),
                input.as_mut_ptr(),
                input_len,
                signature.as_mut_ptr(),
                &raw mut len,
            )
        };
        let len = usize::try_from(len)?;
        match Rv::from(rv).into_result(Function::Sign) {
            Ok(()) if len <= capacity => {
                signature.truncate(len);
                return Ok(signature);
            }
            Err(Error::Pkcs11(RvError::BufferTooSmall, _))
                if (capacity..MAX_LEN).contains(&len) =>
            {
                capacity = len;
            }
            Err(error) => return Err(error),
            Ok(()) => break,
        }
    }
    Err(Error::InvalidValue)
}

/// The length of an ML-DSA-87 signature, the longest that the bridge supports.
const LIKELY_LEN: usize = 4627;
/// The most memory that a faulty module can make the worker reserve.
const MAX_LEN: usize = 1 << 20;
