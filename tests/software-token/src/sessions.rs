//! The module's start and end, sessions, and the login.

use std::ffi::c_void;

use cryptoki_sys::{
    CK_FLAGS, CK_NOTIFY, CK_RV, CK_SESSION_HANDLE, CK_SESSION_INFO, CK_SLOT_ID, CK_ULONG,
    CK_USER_TYPE, CK_UTF8CHAR, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKR_ARGUMENTS_BAD,
    CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_OK,
    CKR_SESSION_HANDLE_INVALID, CKR_SESSION_PARALLEL_NOT_SUPPORTED, CKR_SLOT_ID_INVALID,
    CKR_USER_ALREADY_LOGGED_IN, CKR_USER_NOT_LOGGED_IN, CKR_USER_TYPE_INVALID,
    CKS_RO_PUBLIC_SESSION, CKS_RO_USER_FUNCTIONS, CKU_USER,
};

use crate::info::SLOT;
use crate::state::{State, state, with_session, with_state};
use crate::token::token;

pub(crate) unsafe extern "C" fn C_Initialize(_: *mut c_void) -> CK_RV {
    token();
    let mut state = state();
    if state.is_some() {
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    }
    *state = Some(State::default());
    CKR_OK
}

pub(crate) unsafe extern "C" fn C_Finalize(_: *mut c_void) -> CK_RV {
    state().take().map_or(CKR_CRYPTOKI_NOT_INITIALIZED, |_| CKR_OK)
}

pub(crate) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    _: *mut c_void,
    _: CK_NOTIFY,
    handle: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    with_state(|state| {
        if slot != SLOT {
            return Err(CKR_SLOT_ID_INVALID);
        }
        if flags & CKF_SERIAL_SESSION == 0 {
            return Err(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
        }
        if handle.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        state.last_session += 1;
        state.sessions.insert(state.last_session, Default::default());
        // SAFETY: by PKCS#11 the pointer is valid.
        unsafe { handle.write_unaligned(state.last_session) };
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_CloseSession(handle: CK_SESSION_HANDLE) -> CK_RV {
    with_state(|state| {
        state.sessions.remove(&handle).ok_or(CKR_SESSION_HANDLE_INVALID)?;
        // Without a session there is no login (section 5.6.2).
        state.logged_in &= !state.sessions.is_empty();
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_CloseAllSessions(_: CK_SLOT_ID) -> CK_RV {
    with_state(|state| {
        state.sessions.clear();
        state.logged_in = false;
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_GetSessionInfo(
    handle: CK_SESSION_HANDLE,
    info: *mut CK_SESSION_INFO,
) -> CK_RV {
    with_session(handle, |_, logged_in| {
        if info.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        let value = CK_SESSION_INFO {
            slotID: SLOT,
            state: if logged_in { CKS_RO_USER_FUNCTIONS } else { CKS_RO_PUBLIC_SESSION },
            flags: CKF_SERIAL_SESSION & !CKF_RW_SESSION,
            ulDeviceError: 0,
        };
        // SAFETY: by PKCS#11 the pointer is valid.
        unsafe { info.write_unaligned(value) };
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_Login(
    handle: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    len: CK_ULONG,
) -> CK_RV {
    with_state(|state| {
        if !state.sessions.contains_key(&handle) {
            return Err(CKR_SESSION_HANDLE_INVALID);
        }
        if user != CKU_USER {
            return Err(CKR_USER_TYPE_INVALID);
        }
        if state.logged_in {
            return Err(CKR_USER_ALREADY_LOGGED_IN);
        }
        if pin.is_null() {
            return Err(CKR_ARGUMENTS_BAD);
        }
        // SAFETY: by PKCS#11 the pointer and the length belong to the PIN.
        let pin = unsafe { std::slice::from_raw_parts(pin, len as usize) };
        match token().check_pin(pin) {
            CKR_OK => state.logged_in = true,
            error => return Err(error),
        }
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn C_Logout(handle: CK_SESSION_HANDLE) -> CK_RV {
    with_state(|state| {
        if !state.sessions.contains_key(&handle) {
            return Err(CKR_SESSION_HANDLE_INVALID);
        }
        if !state.logged_in {
            return Err(CKR_USER_NOT_LOGGED_IN);
        }
        state.logged_in = false;
        Ok(())
    })
}
