//! The pool of open sessions on one slot. Each task takes a session and gives it back. Tasks run
//! side by side, as far as the token allows sessions, and use open sessions again.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use pkcs11_bridge_protocol::failure::Failure;

use super::module_error::InContext;
use crate::process::lock::lock;

pub(super) struct SessionPool {
    context: Pkcs11,
    slot: Slot,
    state: Mutex<State>,
    given_back: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Session>,
    /// How many sessions are in use.
    taken: usize,
    /// How many threads wait for a session.
    waiting: usize,
    /// Counts how often all sessions were closed.
    generation: u64,
}

impl SessionPool {
    pub(super) fn new(context: Pkcs11, slot: Slot) -> Self {
        Self { context, slot, state: Mutex::default(), given_back: Condvar::new() }
    }

    /// A session for the caller alone. If the token allows no more sessions, waits until one in use
    /// comes back.
    pub(super) fn take(&self) -> Result<PooledSession<'_>, Failure> {
        let mut state = self.lock();
        loop {
            let generation = state.generation;
            let idle = state.idle.pop();
            match idle.map_or_else(|| self.context.open_ro_session(self.slot), Ok) {
                Ok(session) => {
                    state.taken += 1;
                    return Ok(PooledSession { pool: self, session: Some(session), generation });
                }
                Err(Error::Pkcs11(RvError::SessionCount, _)) if state.taken > 0 => {
                    state.waiting += 1;
                    state = self.given_back.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.waiting -= 1;
                }
                Err(error) => {
                    let operation = format!("opening a session on slot {}", self.slot.id());
                    return Err(error).context(&operation);
                }
            }
        }
    }

    /// As [`SessionPool::take`], but a session that is opened now. Closes the idle ones afterwards,
    /// because modules forget what they have read when the last session closes.
    pub(super) fn take_new(&self) -> Result<PooledSession<'_>, Failure> {
        let idle = {
            let mut state = self.lock();
            let idle = std::mem::take(&mut state.idle);
            // This fails if the token allows no more sessions. Then there is room once the idle
            // ones are closed.
            state.idle.extend(self.context.open_ro_session(self.slot).ok());
            idle
        };
        drop(idle);
        self.take()
    }

    /// Closes all sessions. A session in use is closed when it comes back.
    pub(super) fn close_all(&self) {
        let idle = {
            let mut state = self.lock();
            state.generation += 1;
            std::mem::take(&mut state.idle)
        };
        drop(idle);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// A session from the pool. It goes back to the pool when dropped.
pub(super) struct PooledSession<'a> {
    pool: &'a SessionPool,
    session: Option<Session>,
    generation: u64,
}

impl Deref for PooledSession<'_> {
    type Target = Session;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("only `drop` takes the session out")
    }
}

impl PooledSession<'_> {
    /// Closes a session on which an operation may still be active. Opens another session first,
    /// because the login ends when the last session closes.
    pub(super) fn discard(mut self) {
        if let Ok(fresh) = self.pool.context.open_ro_session(self.pool.slot) {
            self.session = Some(fresh);
        }
    }
}

impl Drop for PooledSession<'_> {
    fn drop(&mut self) {
        let Some(session) = self.session.take() else { return };
        let mut state = self.pool.lock();
        if state.generation == self.generation {
            state.idle.push(session);
        } else {
            // Close the session before counting it as given back. Then the token has room for the
            // next one.
            drop(state);
            drop(session);
            state = self.pool.lock();
        }
        state.taken -= 1;
        let has_waiting = state.waiting > 0;
        drop(state);
        // `notify_one` makes a system call even if no thread waits.
        if has_waiting {
            self.pool.given_back.notify_one();
        }
    }
}
