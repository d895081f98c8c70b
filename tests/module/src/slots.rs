//! The lists of slots and of mechanisms, and the information on a slot.

use cryptoki_sys::{
    CK_BBOOL, CK_FALSE, CK_MECHANISM_TYPE, CK_RV, CK_SLOT_ID, CK_SLOT_INFO, CK_ULONG,
    CKF_REMOVABLE_DEVICE, CKF_TOKEN_PRESENT, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::{MissingSlot, SimulatedToken};

use crate::folder::rules;
use crate::intercept::{CallInfo, forward, intercept};
use crate::quirks;
use crate::wrapped_module::wrapped_module;

pub(crate) unsafe extern "C" fn C_GetSlotList(
    with_token: CK_BBOOL,
    list: *mut CK_SLOT_ID,
    count: *mut CK_ULONG,
) -> CK_RV {
    intercept(CallInfo::of("C_GetSlotList"), |call| {
        let result = if rules().simulated_tokens.values().any(|token| is_hidden(token, with_token))
        {
            if count.is_null() {
                return CKR_ARGUMENTS_BAD;
            }
            match wrapped_slots(with_token, list.is_null()) {
                // SAFETY: the caller passes a count, and a list with that many places.
                Ok(slots) => unsafe { return_list(&slots, list, count) },
                Err(ckr) => ckr,
            }
        } else {
            forward!(call, C_GetSlotList(with_token, list, count))
        };
        // SAFETY: the count was just written.
        unsafe { call.apply_wrong_length(result, !list.is_null(), count) };
        result
    })
}

fn is_hidden(token: &SimulatedToken, with_token: CK_BBOOL) -> bool {
    token.missing_slot == Some(MissingSlot::Unlisted)
        || with_token != CK_FALSE && token.is_removed()
}

/// The slots of the wrapped module without the hidden ones. If `refresh` is set, this first asks
/// for their number, which makes the wrapped module look for new slots.
fn wrapped_slots(with_token: CK_BBOOL, refresh: bool) -> Result<Vec<CK_SLOT_ID>, CK_RV> {
    let module = wrapped_module();
    let read = module.C_GetSlotList.ok_or(CKR_FUNCTION_NOT_SUPPORTED)?;
    let mut slots = vec![0; MAX_SLOTS];
    let mut count = MAX_SLOTS as CK_ULONG;
    if refresh {
        // SAFETY: without a list the module only writes the number.
        match unsafe { read(with_token, std::ptr::null_mut(), &raw mut count) } {
            CKR_OK => count = MAX_SLOTS as CK_ULONG,
            ckr => return Err(ckr),
        }
    }
    // SAFETY: the list has `count` places.
    match unsafe { read(with_token, slots.as_mut_ptr(), &raw mut count) } {
        CKR_OK => slots.truncate(count as usize),
        ckr => return Err(ckr),
    }
    let rules = rules();
    let hidden = |token: &SimulatedToken| is_hidden(token, with_token);
    slots.retain(|slot| !rules.simulated_tokens.get(slot).is_some_and(hidden));
    Ok(slots)
}

/// Returns a list of ids to the caller by the convention of PKCS#11 3.2, section 5.2.
///
/// # Safety
/// `count` is valid for reads and writes. `list` is null or has `count` places.
pub(crate) unsafe fn return_list(
    slots: &[CK_ULONG],
    list: *mut CK_ULONG,
    count: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: the caller passes a valid `count`.
    let places = unsafe { count.replace(slots.len() as CK_ULONG) };
    if list.is_null() {
        return CKR_OK;
    }
    if places < slots.len() as CK_ULONG {
        return CKR_BUFFER_TOO_SMALL;
    }
    // SAFETY: the list has enough places, as checked above.
    unsafe { list.copy_from_nonoverlapping(slots.as_ptr(), slots.len()) };
    CKR_OK
}

pub(crate) unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    intercept(CallInfo::of("C_GetSlotInfo").slot(slot), |call| {
        let result = forward!(call, C_GetSlotInfo(slot, info));
        if result == CKR_OK
            && let Some(token) = rules().simulated_tokens.get(&slot)
            && token.presence_changes() > 0
        {
            // SAFETY: the wrapped module has just written the information.
            let info = unsafe { &mut *info };
            info.flags |= CKF_REMOVABLE_DEVICE;
            if token.is_removed() {
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
    intercept(CallInfo::of("C_GetMechanismList").slot(slot), |call| {
        let hidden = quirks::hidden_mechanisms(slot);
        let result = if hidden.is_empty() {
            forward!(call, C_GetMechanismList(slot, list, count))
        } else {
            // SAFETY: the caller passes a count, and a list with that many places.
            unsafe { quirks::list_mechanisms(slot, &hidden, list, count) }
        };
        // SAFETY: the wrapped module has just written the count.
        unsafe { call.apply_wrong_length(result, !list.is_null(), count) };
        result
    })
}

const MAX_SLOTS: usize = 64;
