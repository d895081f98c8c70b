//! Removed tokens and slots: which calls fail because of them. Removing a token ends its sessions
//! and its login, in the wrapped module too.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use cryptoki_sys::{
    CK_RV, CK_SLOT_ID, CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_SLOT_ID_INVALID,
    CKR_TOKEN_NOT_PRESENT,
};
use pkcs11_bridge_test_rules::call::Call;
use pkcs11_bridge_test_rules::simulated_token::SimulatedToken;

use crate::folder::rules;
use crate::sessions::sessions;
use crate::wrapped_module::wrapped_module_exclusive;

/// How often the token of a slot was removed or inserted.
pub(crate) fn presence_changes_of(slot: CK_SLOT_ID) -> u64 {
    rules().simulated_tokens.get(&slot).map_or(0, SimulatedToken::presence_changes)
}

/// The error of a call that concerns a removed token or slot.
pub(crate) fn error(call: &Call) -> Option<CK_RV> {
    end_wrapped_sessions();
    let slot = call.slot?;
    let rules = rules();
    let token = rules.simulated_tokens.get(&slot);
    if token.is_some_and(|token| token.missing_slot.is_some()) {
        return Some(CKR_SLOT_ID_INVALID);
    }
    let is_removed = token.is_some_and(SimulatedToken::is_removed);
    let Some(session) = call.session else {
        // The slot itself still exists.
        return (is_removed && call.function != "C_GetSlotInfo").then_some(CKR_TOKEN_NOT_PRESENT);
    };
    let opened = sessions().get(&session)?.presence_changes;
    if is_removed {
        Some(CKR_DEVICE_REMOVED)
    } else {
        (opened != token.map_or(0, SimulatedToken::presence_changes))
            .then_some(CKR_SESSION_HANDLE_INVALID)
    }
}

/// Ends the sessions of removed tokens in the wrapped module, which does not know of the removal.
fn end_wrapped_sessions() {
    static SEEN: LazyLock<Mutex<HashMap<CK_SLOT_ID, u64>>> = LazyLock::new(Mutex::default);
    let mut seen = SEEN.lock().expect("no holder panics");
    for (slot, token) in &rules().simulated_tokens {
        let seen = seen.entry(*slot).or_default();
        if *seen != token.presence_changes()
            && let Some(close) = wrapped_module_exclusive().C_CloseAllSessions
        {
            // SAFETY: no other call is in the module. If it is not initialized, it
            // returns an error.
            unsafe { close(*slot) };
            *seen = token.presence_changes();
        }
    }
}
