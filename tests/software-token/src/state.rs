//! What the module remembers between calls: sessions, searches, signatures, and the login.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cryptoki_sys::{
    CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_OK,
    CKR_SESSION_HANDLE_INVALID,
};

use crate::sign::Operation;

#[derive(Default)]
pub(crate) struct State {
    pub(crate) sessions: BTreeMap<CK_SESSION_HANDLE, Session>,
    pub(crate) last_session: CK_SESSION_HANDLE,
    pub(crate) logged_in: bool,
}

#[derive(Default)]
pub(crate) struct Session {
    /// The objects of a search that were not returned yet.
    pub(crate) found: Option<VecDeque<CK_OBJECT_HANDLE>>,
    pub(crate) signature: Option<Operation>,
}

/// `None` before `C_Initialize` and after `C_Finalize`.
pub(crate) fn state() -> MutexGuard<'static, Option<State>> {
    static STATE: Mutex<Option<State>> = Mutex::new(None);
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a function on the state, if the module is initialised.
pub(crate) fn with_state(work: impl FnOnce(&mut State) -> Result<(), CK_RV>) -> CK_RV {
    let result = state().as_mut().map_or(Err(CKR_CRYPTOKI_NOT_INITIALIZED), work);
    result.err().unwrap_or(CKR_OK)
}

/// Runs a function on a session.
pub(crate) fn with_session(
    handle: CK_SESSION_HANDLE,
    work: impl FnOnce(&mut Session, bool) -> Result<(), CK_RV>,
) -> CK_RV {
    with_state(|state| {
        let session = state.sessions.get_mut(&handle).ok_or(CKR_SESSION_HANDLE_INVALID)?;
        work(session, state.logged_in)
    })
}
