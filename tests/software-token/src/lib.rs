//! A PKCS#11 2.40 module with one token in software, which runs on every system. It can do what the
//! bridge needs: find certificates and keys, log in, and sign. An environment variable names the
//! folder of the token, which the crate `rules` describes.

#![allow(non_snake_case)]

mod info;
mod objects;
mod sessions;
mod sign;
mod state;
mod token;

use cryptoki_sys::{CK_FUNCTION_LIST, CK_RV, CK_VERSION, CKR_ARGUMENTS_BAD, CKR_OK};

use crate::info::{
    C_GetInfo, C_GetMechanismInfo, C_GetMechanismList, C_GetSlotInfo, C_GetSlotList, C_GetTokenInfo,
};
use crate::objects::{C_FindObjects, C_FindObjectsFinal, C_FindObjectsInit, C_GetAttributeValue};
use crate::sessions::{
    C_CloseAllSessions, C_CloseSession, C_Finalize, C_GetSessionInfo, C_Initialize, C_Login,
    C_Logout, C_OpenSession,
};
use crate::sign::{C_Sign, C_SignFinal, C_SignInit, C_SignUpdate};

/// Returns the function list (PKCS#11 3.2, section 5.4.4).
///
/// # Safety
/// `list` is null or points to a place for a pointer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetFunctionList(list: *mut *mut CK_FUNCTION_LIST) -> CK_RV {
    static LIST: std::sync::OnceLock<CK_FUNCTION_LIST> = std::sync::OnceLock::new();
    if list.is_null() {
        return CKR_ARGUMENTS_BAD;
    }
    let functions = LIST.get_or_init(functions);
    // SAFETY: the caller promises a valid pointer. By PKCS#11 it does not write through the list.
    unsafe { list.write((&raw const *functions).cast_mut()) };
    CKR_OK
}

fn functions() -> CK_FUNCTION_LIST {
    CK_FUNCTION_LIST {
        version: CK_VERSION { major: 2, minor: 40 },
        C_Initialize: Some(C_Initialize),
        C_Finalize: Some(C_Finalize),
        C_GetInfo: Some(C_GetInfo),
        C_GetFunctionList: Some(C_GetFunctionList),
        C_GetSlotList: Some(C_GetSlotList),
        C_GetSlotInfo: Some(C_GetSlotInfo),
        C_GetTokenInfo: Some(C_GetTokenInfo),
        C_GetMechanismList: Some(C_GetMechanismList),
        C_GetMechanismInfo: Some(C_GetMechanismInfo),
        C_OpenSession: Some(C_OpenSession),
        C_CloseSession: Some(C_CloseSession),
        C_CloseAllSessions: Some(C_CloseAllSessions),
        C_GetSessionInfo: Some(C_GetSessionInfo),
        C_Login: Some(C_Login),
        C_Logout: Some(C_Logout),
        C_FindObjectsInit: Some(C_FindObjectsInit),
        C_FindObjects: Some(C_FindObjects),
        C_FindObjectsFinal: Some(C_FindObjectsFinal),
        C_GetAttributeValue: Some(C_GetAttributeValue),
        C_SignInit: Some(C_SignInit),
        C_Sign: Some(C_Sign),
        C_SignUpdate: Some(C_SignUpdate),
        C_SignFinal: Some(C_SignFinal),
        ..CK_FUNCTION_LIST::default()
    }
}
