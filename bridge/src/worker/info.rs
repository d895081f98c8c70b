//! Asks a module what it says of itself, its slots and their tokens. cryptoki refuses all of it if
//! a field that nobody needs is wrong, such as the time.

#![allow(unsafe_code)]

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv};
use cryptoki::slot::Slot;
use cryptoki_sys::{CK_INFO, CK_SLOT_ID, CK_SLOT_INFO};

use super::library::Functions;
use super::token_info::TokenInfo;

/// `C_GetInfo` (PKCS#11 3.2, section 5.4.3).
pub(super) fn of_module(functions: &Functions) -> Result<CK_INFO> {
    let function = functions.list().C_GetInfo.ok_or(Error::NullFunctionPointer)?;
    let mut info = CK_INFO::default();
    // SAFETY: the module is loaded, and the pointer for the result is valid.
    let rv = unsafe { function(&raw mut info) };
    Rv::from(rv).into_result(Function::GetInfo)?;
    Ok(info)
}

/// `C_GetSlotInfo` (section 5.5.2).
pub(super) fn of_slot(functions: &Functions, slot: Slot) -> Result<CK_SLOT_INFO> {
    let function = functions.list().C_GetSlotInfo.ok_or(Error::NullFunctionPointer)?;
    let mut info = CK_SLOT_INFO::default();
    // SAFETY: the module is loaded, and the pointer for the result is valid.
    let rv = unsafe { function(CK_SLOT_ID::from(slot), &raw mut info) };
    Rv::from(rv).into_result(Function::GetSlotInfo)?;
    Ok(info)
}

/// `C_GetTokenInfo` (section 5.5.3).
pub(super) fn of_token(functions: &Functions, slot: Slot) -> Result<TokenInfo> {
    let function = functions.list().C_GetTokenInfo.ok_or(Error::NullFunctionPointer)?;
    let mut info = TokenInfo::default();
    // SAFETY: the module is loaded, and the pointer for the result is valid.
    let rv = unsafe { function(CK_SLOT_ID::from(slot), &raw mut info.0) };
    Rv::from(rv).into_result(Function::GetTokenInfo)?;
    Ok(info)
}
