//! The information on a simulated token.

use cryptoki_sys::{
    CK_FLAGS, CK_RV, CK_SLOT_ID, CK_TOKEN_INFO, CKF_PROTECTED_AUTHENTICATION_PATH,
    CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::SimulatedToken;

use crate::counters::Counters;
use crate::folder::rules;
use crate::intercept::{CallInfo, forward, intercept};

pub(crate) unsafe extern "C" fn C_GetTokenInfo(
    slot: CK_SLOT_ID,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    intercept(CallInfo::of("C_GetTokenInfo").slot(slot), |call| {
        let result = forward!(call, C_GetTokenInfo(slot, info));
        if result == CKR_OK
            && let Some(token) = rules().simulated_tokens.get(&slot)
        {
            // SAFETY: the wrapped module has just written the information.
            change(unsafe { &mut *info }, token);
        }
        result
    })
}

fn change(info: &mut CK_TOKEN_INFO, token: &SimulatedToken) {
    if let Some(tries) = token.tries {
        info.flags &= !(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
        info.flags |= pin_flags(Counters::wrong_pins(token.id()), tries);
    }
    if token.pinpad.is_some() {
        info.flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    }
    info.flags = info.flags & !token.clear_flags | token.set_flags;
    if let Some(len) = token.min_pin_len {
        info.ulMinPinLen = len;
    }
    if let Some(len) = token.max_pin_len {
        info.ulMaxPinLen = len;
    }
    if let Some(label) = &token.label {
        info.label.copy_from_slice(label);
    }
    if let Some(serial) = token.serial {
        info.serialNumber = serial;
    }
    if let Some(time) = token.utc_time {
        info.utcTime = time;
    }
    if let Some(bytes) = token.public_memory {
        info.ulTotalPublicMemory = bytes;
    }
    if let Some(count) = token.max_sessions {
        info.ulMaxSessionCount = count;
    }
}

/// The flags for a number of wrong PINs (PKCS#11 3.2, section 3.2, table 10).
fn pin_flags(wrong: u32, tries: u32) -> CK_FLAGS {
    let mut flags = 0;
    if wrong > 0 {
        flags |= CKF_USER_PIN_COUNT_LOW;
    }
    match tries.saturating_sub(wrong) {
        0 => flags |= CKF_USER_PIN_LOCKED,
        1 => flags |= CKF_USER_PIN_FINAL_TRY,
        _ => {}
    }
    flags
}
