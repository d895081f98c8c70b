//! `C_Sign` by itself (PKCS#11 3.2, section 5.13.2). A key that always authenticates wants `C_Login`
//! between `C_SignInit` and `C_Sign`; cryptoki has the two together only, and calls `C_Sign` twice.
//! This is all the unsafe code of the bridge.

#![allow(unsafe_code)]

use std::path::Path;

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv, RvError};
use cryptoki::session::Session;
use cryptoki_sys::{CK_BYTE, CK_C_Sign, CK_FUNCTION_LIST, CK_ULONG, Pkcs11};

/// The `C_Sign` of a module.
pub(super) struct SinglePart {
    sign: CK_C_Sign,
    /// Keeps the module loaded, which `sign` points into.
    _module: Pkcs11,
}

impl SinglePart {
    /// Finds the function in a module that is loaded already; the module is not initialised again.
    pub(super) fn load(path: &Path) -> Result<Self> {
        // SAFETY: loading runs the library's initialisers, which ran when cryptoki loaded it from the
        // same path: the system counts one more use of it.
        let module = unsafe { Pkcs11::new(path) }.map_err(Error::LibraryLoading)?;
        if module.C_GetFunctionList.is_err() {
            return Err(Error::MissingSymbol("C_GetFunctionList"));
        }
        let mut list: *mut CK_FUNCTION_LIST = std::ptr::null_mut();
        // SAFETY: the symbol is there, has the type that the standard gives it, and is given a place
        // for its one result.
        let rv = unsafe { module.C_GetFunctionList(&raw mut list) };
        Rv::from(rv).into_result(Function::GetFunctionList)?;
        // SAFETY: the list is the module's, which stays loaded, and does not change (section 5.4.4).
        let sign = unsafe { list.as_ref() }.and_then(|list| list.C_Sign);
        Ok(Self { sign, _module: module })
    }

    /// Signs `data` with the operation that `C_SignInit` has begun on the session, and ends it.
    pub(super) fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>> {
        let sign = self.sign.ok_or(Error::NullFunctionPointer)?;
        let mut input = data.to_vec();
        let input_len = CK_ULONG::try_from(input.len())?;
        // One that does not fit leaves the operation as it is and tells its length (section 5.2).
        let mut room = LIKELY_LEN;
        for _ in 0..2 {
            let mut signature: Vec<CK_BYTE> = vec![0; room];
            let mut len = CK_ULONG::try_from(room)?;
            // SAFETY: both buffers are as long as is said and outlive the call. The session is open
            // and nobody else uses it, because a `Session` cannot be shared between threads.
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
                Ok(()) if len <= room => {
                    signature.truncate(len);
                    return Ok(signature);
                }
                Err(Error::Pkcs11(RvError::BufferTooSmall, _))
                    if (room..MAX_LEN).contains(&len) =>
                {
                    room = len;
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        Err(Error::InvalidValue)
    }
}

/// Room for a signature of ML-DSA-87, the longest that the bridge knows.
const LIKELY_LEN: usize = 4627;
/// What a faulty module may make us reserve.
const MAX_LEN: usize = 1 << 20;
