//! The open sessions on one slot. A call takes one and puts it back, so that calls run side by side as
//! far as the token has sessions, and none is opened twice.

use std::ops::Deref;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use pkcs11_bridge_protocol::failure::Failure;

use super::failures::InContext;
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
    /// How many are out.
    taken: usize,
    /// How many wait for one of those.
    waiting: usize,
    /// Counts the times that all sessions were let go of.
    generation: u64,
}

impl SessionPool {
    pub(super) fn new(context: Pkcs11, slot: Slot) -> Self {
        Self { context, slot, state: Mutex::default(), given_back: Condvar::new() }
    }

    /// A session that nobody else uses. Waits where the token has no more and one is out.
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

    /// Closes all sessions; those that are out are closed when they come back.
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

/// A session on loan.
pub(super) struct PooledSession<'a> {
    pool: &'a SessionPool,
    session: Option<Session>,
    generation: u64,
}

impl Deref for PooledSession<'_> {
    type Target = Session;

    #[allow(clippy::expect_used)]
    fn deref(&self) -> &Session {
        self.session.as_ref().expect("it is taken out by drop only")
    }
}

impl PooledSession<'_> {
    /// Closes a session on which an operation was begun and not ended. Another one takes its place
    /// first: with the last session the login would end.
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
            // Closed before it counts as given back, so that its place on the token is free then.
            drop(state);
            drop(session);
            state = self.pool.lock();
        }
        state.taken -= 1;
        let somebody_waits = state.waiting > 0;
        drop(state);
        // It asks the system, also where nobody waits.
        if somebody_waits {
            self.pool.given_back.notify_one();
        }
    }
}
