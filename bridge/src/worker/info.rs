//! Asks a module what it says of itself, its slots and their tokens. cryptoki refuses all of it if
//! a field that nobody needs is wrong, such as the time.

#![allow(unsafe_code)]

use cryptoki::context::Function;
use cryptoki::error::{Error, Result, Rv, RvError};
use cryptoki::slot::Slot;
use cryptoki_sys::{CK_FALSE, CK_INFO, CK_SLOT_ID, CK_SLOT_INFO, CK_TRUE, CK_ULONG};

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

/// `C_GetSlotList` (section 5.5.1): all slots, or those with a token. After pcscd was restarted,
/// YKCS11 says at each try that there is no room for them. cryptoki then tries for ever. Here it is
/// an error, and a fresh worker helps.
pub(super) fn slots(functions: &Functions, with_token: bool) -> Result<Vec<Slot>> {
    let function = functions.list().C_GetSlotList.ok_or(Error::NullFunctionPointer)?;
    let with_token = if with_token { CK_TRUE } else { CK_FALSE };
    let mut tries = 1;
    loop {
        let mut count = 0;
        // SAFETY: the module is loaded, and the pointer for the count is valid.
        let rv = unsafe { function(with_token, std::ptr::null_mut(), &raw mut count) };
        Rv::from(rv).into_result(Function::GetSlotList)?;
        let room = usize::try_from(count).unwrap_or(usize::MAX).min(MAX_SLOTS);
        let mut ids: Vec<CK_SLOT_ID> = vec![0; room];
        count = room as CK_ULONG;
        // SAFETY: the module is loaded, and there is room for `count` slots.
        let rv = unsafe { function(with_token, ids.as_mut_ptr(), &raw mut count) };
        match Rv::from(rv).into_result(Function::GetSlotList) {
            // A reader was plugged in meanwhile.
            Err(Error::Pkcs11(RvError::BufferTooSmall, _)) if tries < MAX_TRIES => tries += 1,
            result => {
                result?;
                ids.truncate(usize::try_from(count).unwrap_or(usize::MAX));
                return ids.into_iter().map(Slot::try_from).collect();
            }
        }
    }
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

/// Far more than any module has.
const MAX_SLOTS: usize = 1 << 16;
const MAX_TRIES: u32 = 3;
