//! Tokens that were taken out, and slots that are gone: which calls are refused for it. Sessions and the login
//! of a token end when it is pulled, in the module below too.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use cryptoki_sys::{
    CK_RV, CK_SLOT_ID, CKR_DEVICE_REMOVED, CKR_SESSION_HANDLE_INVALID, CKR_SLOT_ID_INVALID,
    CKR_TOKEN_NOT_PRESENT,
};
use pkcs11_bridge_test_rules::call::Call;
use pkcs11_bridge_test_rules::simulated_token::SimulatedToken;

use crate::below::below_alone;
use crate::folder::rules;
use crate::sessions::sessions;

/// How often the token of a slot was pulled and put back.
pub(crate) fn moves_of(slot: CK_SLOT_ID) -> u64 {
    rules().simulated_tokens.get(&slot).map_or(0, SimulatedToken::presence_changes)
}

/// What a call is answered with because of what was taken out, if anything was.
pub(crate) fn refusal(call: &Call) -> Option<CK_RV> {
    end_sessions_below();
    let slot = call.slot?;
    let rules = rules();
    let card = rules.simulated_tokens.get(&slot);
    if card.is_some_and(|card| card.missing_slot.is_some()) {
        return Some(CKR_SLOT_ID_INVALID);
    }
    let is_out = card.is_some_and(SimulatedToken::is_removed);
    let Some(session) = call.session else {
        // The slot itself is still there to be asked about.
        return (is_out && call.function != "C_GetSlotInfo").then_some(CKR_TOKEN_NOT_PRESENT);
    };
    let opened = sessions().get(&session)?.moves;
    if is_out {
        Some(CKR_DEVICE_REMOVED)
    } else {
        (opened != card.map_or(0, SimulatedToken::presence_changes))
            .then_some(CKR_SESSION_HANDLE_INVALID)
    }
}

/// Ends what the module below has of tokens that have been pulled since: it does not know of it.
fn end_sessions_below() {
    static SEEN: LazyLock<Mutex<HashMap<CK_SLOT_ID, u64>>> = LazyLock::new(Mutex::default);
    let mut seen = SEEN.lock().expect("nobody panics with it");
    for (slot, card) in &rules().simulated_tokens {
        let seen = seen.entry(*slot).or_default();
        if *seen != card.presence_changes()
            && let Some(close) = below_alone().C_CloseAllSessions
        {
            // SAFETY: nobody else is in the module. One that is not initialised says so.
            unsafe { close(*slot) };
            *seen = card.presence_changes();
        }
    }
}
