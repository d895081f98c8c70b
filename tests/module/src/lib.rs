//! A PKCS#11 2.40 module that passes every call on to another module. It records each one, and does
//! with it what the rules of the test say: see the crate `rules`. It is found by its folder, which the
//! environment names, and without rules it changes nothing.

#![allow(non_snake_case)]

mod always_authenticate;
mod below;
mod counters;
mod fault;
mod folder;
mod functions;
mod login;
mod objects;
mod removal;
mod sessions;
mod slot_events;
mod slots;
mod token_info;
mod wrap;

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CKR_ARGUMENTS_BAD, CKR_GENERAL_ERROR, CKR_OK};

/// Gives the functions (PKCS#11 3.2, section 5.4.4).
///
/// # Safety
/// `list` points to where a pointer can be written, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    if let Err(reason) = below::load() {
        eprintln!("the module of the tests: {reason}");
        return CKR_GENERAL_ERROR;
    }
    // SAFETY: the caller's promise. Nobody writes through the pointer that it gets, by the standard.
    unsafe { list.write((&raw const functions::LIST).cast_mut()) };
    CKR_OK
}
