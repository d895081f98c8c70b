//! What this module has to remember of each session: its slot and the token in it, the played objects that
//! it has found, and whether its signature needs the PIN.

use std::collections::{HashMap, VecDeque};
use std::sync::{LazyLock, Mutex, MutexGuard};

use cryptoki_sys::{
    CK_FLAGS, CK_NOTIFY, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CK_SLOT_ID, CKR_OK,
};
use pkcs11_bridge_test_rules::simulated_token::SimulatedToken;

use crate::folder::rules;
use crate::removal::moves_of;
use crate::wrap::{About, pass_on, wrap};

/// A session.
pub(crate) struct Session {
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) signature: Signature,
    /// How often the token had been pulled and put back when the session was opened.
    pub(crate) moves: u64,
    /// The played objects that the search still has to give.
    pub(crate) found: VecDeque<CK_OBJECT_HANDLE>,
}

/// Where a signature with a key that always authenticates stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signature {
    /// There is none, or one with another key.
    Free,
    NeedsPin,
    HasPin,
}

/// All that are open.
pub(crate) fn sessions() -> MutexGuard<'static, HashMap<CK_SESSION_HANDLE, Session>> {
    static SESSIONS: LazyLock<Mutex<HashMap<CK_SESSION_HANDLE, Session>>> =
        LazyLock::new(Mutex::default);
    SESSIONS.lock().expect("nobody panics with it")
}

/// The slot of a session.
pub(crate) fn slot_of(session: CK_SESSION_HANDLE) -> Option<CK_SLOT_ID> {
    sessions().get(&session).map(|session| session.slot)
}

/// What the token of a session plays.
pub(crate) fn card_of(session: CK_SESSION_HANDLE) -> Option<SimulatedToken> {
    rules().simulated_tokens.get(&slot_of(session)?).cloned()
}

pub(crate) unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: *mut std::ffi::c_void,
    notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    wrap(About::of("C_OpenSession").slot(slot), |passing| {
        // Before: a session that was opened while the token was pulled is none of the new one.
        let moves = moves_of(slot);
        let result = pass_on!(passing, C_OpenSession(slot, flags, application, notify, session));
        if result == CKR_OK {
            // SAFETY: the module below has just written there.
            let handle = unsafe { session.read() };
            let found = VecDeque::new();
            sessions().insert(handle, Session { slot, signature: Signature::Free, moves, found });
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    wrap(About::of("C_CloseSession").session(session), |passing| {
        // Before it is closed: the handle may be given anew at once.
        let known = sessions().remove(&session);
        let result = pass_on!(passing, C_CloseSession(session));
        if result != CKR_OK {
            sessions().extend(known.map(|known| (session, known)));
        }
        result
    })
}

pub(crate) unsafe extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    wrap(About::of("C_CloseAllSessions").slot(slot), |passing| {
        sessions().retain(|_, session| session.slot != slot);
        pass_on!(passing, C_CloseAllSessions(slot))
    })
}
