//! Calls `C_Sign` on its own (PKCS#11 3.2, section 5.13.2). A key that always authenticates needs
//! `C_Login` between `C_SignInit` and `C_Sign`. cryptoki offers only the two together, and calls
//! `C_Sign` twice, once for the length.
//!
//! This file holds all the unsafe code of the bridge.

#![allow(unsafe_code)]

use std::path::Path;

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv, RvError};
use cryptoki::session::Session;
use cryptoki_sys::{CK_BYTE, CK_C_Sign, CK_FUNCTION_LIST, CK_ULONG, Pkcs11};

/// The `C_Sign` of a module.
pub(super) struct SinglePart {
    sign: CK_C_Sign,
    /// Keeps the module loaded, because `sign` points into it.
    _module: Pkcs11,
}

impl SinglePart {
    /// Finds the function in a module that is loaded already. Does not initialise the module again.
    pub(super) fn load(path: &Path) -> Result<Self> {
        // SAFETY: loading a library runs its initialisers. They ran when cryptoki loaded the same
        // path, so now the system only counts one more use.
        let module = unsafe { Pkcs11::new(path) }.map_err(Error::LibraryLoading)?;
        if module.C_GetFunctionList.is_err() {
            return Err(Error::MissingSymbol("C_GetFunctionList"));
        }
        let mut list: *mut CK_FUNCTION_LIST = std::ptr::null_mut();
        // SAFETY: the symbol exists and has the type that the standard gives it. The pointer for
        // its one result is valid.
        let rv = unsafe { module.C_GetFunctionList(&raw mut list) };
        Rv::from(rv).into_result(Function::GetFunctionList)?;
        // SAFETY: the list belongs to the module, which stays loaded, and does not change (section
        // 5.4.4).
        let sign = unsafe { list.as_ref() }.and_then(|list| list.C_Sign);
        Ok(Self { sign, _module: module })
    }

    /// Signs `data` with the operation that `C_SignInit` began on the session, and ends the
    /// operation.
    pub(super) fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>> {
        let sign = self.sign.ok_or(Error::NullFunctionPointer)?;
        let mut input = data.to_vec();
        let input_len = CK_ULONG::try_from(input.len())?;
        // If the signature does not fit, the module returns its length and the operation stays
        // active (section 5.2). Then the second call gets the signature.
        let mut capacity = LIKELY_LEN;
        for _ in 0..2 {
            let mut signature: Vec<CK_BYTE> = vec![0; capacity];
            let mut len = CK_ULONG::try_from(capacity)?;
            // SAFETY: both buffers have the lengths that the call names, and outlive the call. The
            // session is open, and no other thread uses it, because a `Session` is not `Sync`.
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
}

/// The length of an ML-DSA-87 signature, the longest that the bridge supports.
const LIKELY_LEN: usize = 4627;
/// The most memory that a faulty module can make the worker reserve.
const MAX_LEN: usize = 1 << 20;
