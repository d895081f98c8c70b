//! A PKCS#11 2.40 module that forwards every call to another module. It records each call and
//! applies the rules of the test, which the crate `rules` defines. An environment variable names
//! its folder. Without rules it changes nothing.

#![allow(non_snake_case)]

mod always_authenticate;
mod counters;
mod fault;
mod folder;
mod functions;
mod intercept;
mod login;
mod objects;
mod quirks;
mod removal;
mod sessions;
mod slot_events;
mod slots;
mod token_info;
mod wrapped_module;

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_OK};

/// Returns the function list (PKCS#11 3.2, section 5.4.4).
///
/// # Safety
/// `list` is null or points to a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    if let Err(reason) = wrapped_module::load() {
        eprintln!("pkcs11-bridge-test-module: cannot load the wrapped module: {reason}");
        return CKR_GENERAL_ERROR;
    }
    // SAFETY: the caller promises a valid pointer. By PKCS#11 it does not write through the list.
    unsafe { list.write((&raw const functions::LIST).cast_mut()) };
    CKR_OK
}
