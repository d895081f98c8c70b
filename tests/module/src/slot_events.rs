//! `C_WaitForSlotEvent` for removed and inserted tokens, from `C_Initialize` to `C_Finalize`.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use cryptoki_sys::{
    CK_FLAGS, CK_RV, CK_SLOT_ID, CKF_DONT_BLOCK, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_NO_EVENT, CKR_OK,
};
use pkcs11_bridge_test_rules::Rules;
use pkcs11_bridge_test_rules::slot_events::SlotEvents;

use crate::folder::{rules, wait_while};
use crate::intercept::{CallInfo, InterceptedCall, forward, intercept};
use crate::sessions::sessions;

pub(crate) unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    intercept(CallInfo::of("C_Initialize"), |call| {
        let result = forward!(call, C_Initialize(arguments));
        if result == CKR_OK {
            *reported() = Some(presence_changes(&rules()));
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    intercept(CallInfo::of("C_Finalize"), |call| {
        sessions().clear();
        *reported() = None;
        forward!(call, C_Finalize(reserved))
    })
}

pub(crate) unsafe extern "C" fn C_WaitForSlotEvent(
    flags: CK_FLAGS,
    slot: *mut CK_SLOT_ID,
    reserved: *mut c_void,
) -> CK_RV {
    intercept(CallInfo::of("C_WaitForSlotEvent"), |call| {
        let event = match rules().slot_events {
            SlotEvents::Forwarded => {
                return forward!(call, C_WaitForSlotEvent(flags, slot, reserved));
            }
            SlotEvents::Working => next_event(call, flags),
            SlotEvents::HoldingLock => {
                let _others_wait = LOCK.write().unwrap_or_else(PoisonError::into_inner);
                next_event(call, flags)
            }
            SlotEvents::Spurious => {
                Ok(rules().simulated_tokens.keys().next().copied().unwrap_or(0))
            }
        };
        match event {
            Ok(event) => {
                // SAFETY: the caller passes a valid pointer for the slot.
                unsafe { slot.write(event) };
                CKR_OK
            }
            Err(ckr) => ckr,
        }
    })
}

/// Waits as long as a call of `C_WaitForSlotEvent` holds the module's lock.
pub(crate) fn wait_for_lock(function: &str) {
    if function != "C_WaitForSlotEvent" {
        drop(LOCK.read().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The slot of a change that was not reported yet. Waits for a change unless the flags forbid it.
fn next_event(call: &InterceptedCall, flags: CK_FLAGS) -> Result<CK_SLOT_ID, CK_RV> {
    let mut event = take_event();
    if event == Err(CKR_NO_EVENT) && flags & CKF_DONT_BLOCK == 0 {
        call.record_blocked();
        wait_while(|rules| {
            reported().as_ref().is_some_and(|reported| {
                rules.slot_events != SlotEvents::Forwarded && *reported == presence_changes(rules)
            })
        });
        event = take_event();
    }
    event
}

fn take_event() -> Result<CK_SLOT_ID, CK_RV> {
    let mut reported = reported();
    let reported = reported.as_mut().ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)?;
    for (slot, presence_changes) in presence_changes(&rules()) {
        if reported.insert(slot, presence_changes).unwrap_or(0) != presence_changes {
            return Ok(slot);
        }
    }
    Err(CKR_NO_EVENT)
}

fn presence_changes(rules: &Rules) -> BTreeMap<CK_SLOT_ID, u64> {
    rules.simulated_tokens.iter().map(|(slot, token)| (*slot, token.presence_changes())).collect()
}

/// The changes that were reported, by slot; `None` if the module is not initialized.
fn reported() -> MutexGuard<'static, Option<BTreeMap<CK_SLOT_ID, u64>>> {
    static REPORTED: Mutex<Option<BTreeMap<CK_SLOT_ID, u64>>> = Mutex::new(None);
    REPORTED.lock().expect("no holder panics")
}

/// The lock of a module that accepts no other call while it waits.
static LOCK: RwLock<()> = RwLock::new(());
