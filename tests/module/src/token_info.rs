//! What a played card says of itself.

use cryptoki_sys::{
    CK_RV, CK_SLOT_ID, CK_TOKEN_INFO, CKF_PROTECTED_AUTHENTICATION_PATH, CKF_USER_PIN_COUNT_LOW,
    CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::SimulatedToken;

use crate::counters::Counters;
use crate::folder::rules;
use crate::wrap::{About, pass_on, wrap};

pub(crate) unsafe extern "C" fn C_GetTokenInfo(
    slot: CK_SLOT_ID,
    info: *mut CK_TOKEN_INFO,
) -> CK_RV {
    wrap(About::of("C_GetTokenInfo").slot(slot), |passing| {
        let result = pass_on!(passing, C_GetTokenInfo(slot, info));
        if result == CKR_OK
            && let Some(card) = rules().simulated_tokens.get(&slot)
        {
            // SAFETY: the module below has just written there.
            change(unsafe { &mut *info }, card);
        }
        result
    })
}

fn change(info: &mut CK_TOKEN_INFO, card: &SimulatedToken) {
    if let Some(tries) = card.tries {
        info.flags &= !(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED);
        info.flags |= pin_flags(Counters::wrong_pins(card.id()), tries);
    }
    if card.pinpad.is_some() {
        info.flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
    }
    info.flags = info.flags & !card.clear_flags | card.set_flags;
    if let Some(len) = card.min_pin_len {
        info.ulMinPinLen = len;
    }
    if let Some(len) = card.max_pin_len {
        info.ulMaxPinLen = len;
    }
    if let Some(label) = &card.label {
        info.label.copy_from_slice(label);
    }
}

/// PKCS#11 3.2, section 3.2, table 10.
fn pin_flags(wrong: u32, tries: u32) -> u64 {
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
