//! Tokens that are pulled or put back, as `C_WaitForSlotEvent` tells of them, from `C_Initialize` to
//! `C_Finalize`.

use std::collections::BTreeMap;
use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use cryptoki_sys::{
    CK_FLAGS, CK_RV, CK_SLOT_ID, CKF_DONT_BLOCK, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_NO_EVENT, CKR_OK,
};
use pkcs11_bridge_test_rules::Rules;
use pkcs11_bridge_test_rules::slot_events::SlotEvents;

use crate::folder::{rules, wait_while};
use crate::sessions::sessions;
use crate::wrap::{About, Passing, pass_on, wrap};

pub(crate) unsafe extern "C" fn C_Initialize(arguments: *mut c_void) -> CK_RV {
    wrap(About::of("C_Initialize"), |passing| {
        let result = pass_on!(passing, C_Initialize(arguments));
        if result == CKR_OK {
            *told() = Some(moves(&rules()));
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    wrap(About::of("C_Finalize"), |passing| {
        sessions().clear();
        *told() = None;
        pass_on!(passing, C_Finalize(reserved))
    })
}

pub(crate) unsafe extern "C" fn C_WaitForSlotEvent(
    flags: CK_FLAGS,
    slot: *mut CK_SLOT_ID,
    reserved: *mut c_void,
) -> CK_RV {
    wrap(About::of("C_WaitForSlotEvent"), |passing| {
        let event = match rules().slot_events {
            SlotEvents::Forwarded => {
                return pass_on!(passing, C_WaitForSlotEvent(flags, slot, reserved));
            }
            SlotEvents::Working => next_event(passing, flags),
            SlotEvents::HoldingLock => {
                let _others_wait = LOCK.write().unwrap_or_else(PoisonError::into_inner);
                next_event(passing, flags)
            }
            SlotEvents::Spurious => {
                Ok(rules().simulated_tokens.keys().next().copied().unwrap_or(0))
            }
        };
        match event {
            Ok(of) => {
                // SAFETY: the caller promises that a slot can be written there.
                unsafe { slot.write(of) };
                CKR_OK
            }
            Err(ckr) => ckr,
        }
    })
}

/// Waits as long as another call holds a lock.
pub(crate) fn wait_for_lock(function: &str) {
    if function != "C_WaitForSlotEvent" {
        drop(LOCK.read().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The slot of a change that was not told of yet. Waits for one where that is wanted.
fn next_event(passing: &Passing, flags: CK_FLAGS) -> Result<CK_SLOT_ID, CK_RV> {
    let mut event = take_event();
    if event == Err(CKR_NO_EVENT) && flags & CKF_DONT_BLOCK == 0 {
        passing.waits();
        wait_while(|rules| {
            told().as_ref().is_some_and(|told| {
                rules.slot_events != SlotEvents::Forwarded && *told == moves(rules)
            })
        });
        event = take_event();
    }
    event
}

fn take_event() -> Result<CK_SLOT_ID, CK_RV> {
    let mut told = told();
    let told = told.as_mut().ok_or(CKR_CRYPTOKI_NOT_INITIALIZED)?;
    for (slot, moves) in moves(&rules()) {
        if told.insert(slot, moves).unwrap_or(0) != moves {
            return Ok(slot);
        }
    }
    Err(CKR_NO_EVENT)
}

fn moves(rules: &Rules) -> BTreeMap<CK_SLOT_ID, u64> {
    rules.simulated_tokens.iter().map(|(slot, card)| (*slot, card.presence_changes())).collect()
}

/// The changes that were told of; `None` where the module is not initialised.
fn told() -> MutexGuard<'static, Option<BTreeMap<CK_SLOT_ID, u64>>> {
    static TOLD: Mutex<Option<BTreeMap<CK_SLOT_ID, u64>>> = Mutex::new(None);
    TOLD.lock().expect("nobody panics with it")
}

/// What a module takes that lets nobody else in while it waits.
static LOCK: RwLock<()> = RwLock::new(());
