//! What this module remembers of each session: its slot, the token in it, the simulated objects
//! that it has found, and whether its signature needs the PIN.

use std::collections::{HashMap, VecDeque};
use std::sync::{LazyLock, Mutex, MutexGuard};

use cryptoki_sys::{
    CK_FLAGS, CK_MECHANISM_TYPE, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID,
    CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::SimulatedToken;

use crate::folder::rules;
use crate::intercept::{CallInfo, forward, intercept};
use crate::removal::presence_changes_of;

/// An open session.
pub(crate) struct Session {
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) signature: Signature,
    /// The mechanism of the signature in progress, as the caller named it.
    pub(crate) mechanism: Option<CK_MECHANISM_TYPE>,
    /// How often the token had been removed or inserted when the session was opened.
    pub(crate) presence_changes: u64,
    /// The simulated objects that the search has still to return.
    pub(crate) found: VecDeque<CK_OBJECT_HANDLE>,
}

/// The state of a signature with a key that always authenticates.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// No such signature is in progress.
    Idle,
    NeedsPin,
    HasPin,
}

/// All open sessions.
pub(crate) fn sessions() -> MutexGuard<'static, HashMap<CK_SESSION_HANDLE, Session>> {
    static SESSIONS: LazyLock<Mutex<HashMap<CK_SESSION_HANDLE, Session>>> =
        LazyLock::new(Mutex::default);
    SESSIONS.lock().expect("no holder panics")
}

/// The slot of a session.
pub(crate) fn slot_of(session: CK_SESSION_HANDLE) -> Option<CK_SLOT_ID> {
    sessions().get(&session).map(|session| session.slot)
}

/// The simulation of the token of a session.
pub(crate) fn simulated_token_of(session: CK_SESSION_HANDLE) -> Option<SimulatedToken> {
    rules().simulated_tokens.get(&slot_of(session)?).cloned()
}

pub(crate) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: *mut std::ffi::c_void,
    notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    intercept(CallInfo::of("C_OpenSession").slot(slot), |call| {
        // Read before the call: a session that was opened during a removal is not valid for
        // the new token.
        let presence_changes = presence_changes_of(slot);
        let result = forward!(call, C_OpenSession(slot, flags, application, notify, session));
        if result == CKR_OK {
            // SAFETY: the wrapped module has just written the handle.
            let handle = unsafe { session.read() };
            let found = VecDeque::new();
            sessions().insert(
                handle,
                Session {
                    slot,
                    signature: Signature::Idle,
                    mechanism: None,
                    presence_changes,
                    found,
                },
            );
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    intercept(CallInfo::of("C_CloseSession").session(session), |call| {
        // Removed before the call, because the module may reuse the handle at once.
        let known = sessions().remove(&session);
        let result = forward!(call, C_CloseSession(session));
        if result != CKR_OK {
            sessions().extend(known.map(|known| (session, known)));
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    intercept(CallInfo::of("C_CloseAllSessions").slot(slot), |call| {
        sessions().retain(|_, session| session.slot != slot);
        forward!(call, C_CloseAllSessions(slot))
    })
}
