//! The lists of slots and of what a token can do, and what a slot says of itself.

use cryptoki_sys::{
    CK_BBOOL, CK_FALSE, CK_MECHANISM_TYPE, CK_RV, CK_SLOT_ID, CK_SLOT_INFO, CK_ULONG,
    CKF_REMOVABLE_DEVICE, CKF_TOKEN_PRESENT, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::{MissingSlot, SimulatedToken};

use crate::below::below;
use crate::folder::rules;
use crate::wrap::{About, pass_on, wrap};

pub(crate) unsafe extern "C" fn C_GetSlotList(
    with_token: CK_BBOOL,
    list: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_GetSlotList"), |passing| {
        let result = if rules().simulated_tokens.values().any(|card| is_left_out(card, with_token))
        {
            if count.is_null() {
                return CKR_ARGUMENTS_BAD;
            }
            match slots_below(with_token, list.is_null()) {
                // SAFETY: the caller promises a count, and a list with room for so many.
                Ok(slots) => unsafe { give(&slots, list, count) },
                Err(ckr) => ckr,
            }
        } else {
            pass_on!(passing, C_GetSlotList(with_token, list, count))
        };
        // SAFETY: the count has just been written there.
        unsafe { passing.tell(result, !list.is_null(), count) };
        result
    })
}

fn is_left_out(card: &SimulatedToken, with_token: CK_BBOOL) -> bool {
    card.missing_slot == Some(MissingSlot::Unlisted) || with_token != CK_FALSE && card.is_removed()
}

/// The slots that are listed. The module below looks for new ones where it is asked for their number.
fn slots_below(with_token: CK_BBOOL, look: bool) -> Result<Vec<CK_SLOT_ID>, CK_RV> {
    let below = below();
    let read = below.C_GetSlotList.ok_or(CKR_FUNCTION_NOT_SUPPORTED)?;
    let mut slots = vec![0; MAX_SLOTS];
    let mut count = MAX_SLOTS as CK_ULONG;
    if look {
        // SAFETY: it is asked for the number only.
        match unsafe { read(with_token, std::ptr::null_mut(), &raw mut count) } {
            CKR_OK => count = MAX_SLOTS as CK_ULONG,
            ckr => return Err(ckr),
        }
    }
    // SAFETY: there is room for so many.
    match unsafe { read(with_token, slots.as_mut_ptr(), &raw mut count) } {
        CKR_OK => slots.truncate(count as usize),
        ckr => return Err(ckr),
    }
    let rules = rules();
    let left_out = |card: &SimulatedToken| is_left_out(card, with_token);
    slots.retain(|slot| !rules.simulated_tokens.get(slot).is_some_and(left_out));
    Ok(slots)
}

/// Gives a list to a caller by the convention of PKCS#11 3.2, section 5.2.
///
/// # Safety
/// `count` can be read and written, and where `list` is not null so many can be written there.
unsafe fn give(slots: &[CK_SLOT_ID], list: *mut CK_SLOT_ID, count: *mut CK_ULONG) -> CK_RV {
    // SAFETY: the caller's promise.
    let room = unsafe { count.replace(slots.len() as CK_ULONG) };
    if list.is_null() {
        return CKR_OK;
    }
    if room < slots.len() as CK_ULONG {
        return CKR_BUFFER_TOO_SMALL;
    }
    // SAFETY: there is room for them.
    unsafe { list.copy_from_nonoverlapping(slots.as_ptr(), slots.len()) };
    CKR_OK
}

pub(crate) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    wrap(About::of("C_GetSlotInfo").slot(slot), |passing| {
        let result = pass_on!(passing, C_GetSlotInfo(slot, info));
        if result == CKR_OK
            && let Some(card) = rules().simulated_tokens.get(&slot)
            && card.presence_changes() > 0
        {
            // SAFETY: the module below has just written there.
            let info = unsafe { &mut *info };
            info.flags |= CKF_REMOVABLE_DEVICE;
            if card.is_removed() {
                info.flags &= !CKF_TOKEN_PRESENT;
            }
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_GetMechanismList(
    slot: CK_SLOT_ID,
    list: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    wrap(About::of("C_GetMechanismList").slot(slot), |passing| {
        let result = pass_on!(passing, C_GetMechanismList(slot, list, count));
        // SAFETY: the module below has just written the count there.
        unsafe { passing.tell(result, !list.is_null(), count) };
        result
    })
}

const MAX_SLOTS: usize = 64;
