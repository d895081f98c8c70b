//! Ends logins that nobody signs with any more, and workers that nobody uses. Reading does not keep a login
//! alive: a page may ask for its slots every second.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::worker_process::WorkerProcess;
use super::{OriginSession, Request};
use crate::ipc::message::Outcome;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::Task;
use crate::modules::ModuleName;
use crate::process::lock::lock;

/// The slots of a worker that may be logged in.
#[derive(Default)]
pub(super) struct Logins {
    slots: Mutex<HashMap<SlotId, Use>>,
    changed: Notify,
}

struct Use {
    /// When it was signed with last, or may have been logged in to.
    last: Instant,
    /// Calls that may be using the login now.
    calls: usize,
    /// Whether one of those that are done may have left a login.
    is_left: bool,
}

/// A call that may log in or use a login, for as long as it lives.
pub(super) struct InUse {
    logins: Arc<Logins>,
    slot: SlotId,
    end: End,
}

/// What a call has done with the login.
enum End {
    /// Signed with it.
    Signed,
    /// Nothing, nor has it logged in.
    Without,
    NotKnown,
}

impl Logins {
    /// Notes a call; `None` where it needs no login.
    pub(super) fn begin(self: &Arc<Self>, task: &Task) -> Option<InUse> {
        let slot = task.login_slot()?;
        let new = || Use { last: Instant::now(), calls: 0, is_left: false };
        lock(&self.slots).entry(slot).or_insert_with(new).calls += 1;
        Some(InUse { logins: Arc::clone(self), slot, end: End::NotKnown })
    }

    /// Notes that a slot was logged out of, or all of them.
    pub(super) fn ended(&self, slot: Option<SlotId>) {
        lock(&self.slots)
            .retain(|known, used| used.calls > 0 || slot.is_some_and(|slot| slot != *known));
    }

    /// Whether no slot may be logged in.
    pub(super) fn are_none(&self) -> bool {
        lock(&self.slots).is_empty()
    }

    /// Returns when a login has been idle for `limit`, which is noted no more.
    async fn idle_for(&self, limit: Duration) -> SlotId {
        loop {
            let oldest = lock(&self.slots)
                .iter()
                .filter(|(_, used)| used.calls == 0)
                .map(|(slot, used)| (*slot, used.last + limit))
                .min_by_key(|(_, end)| *end);
            match oldest {
                None => self.changed.notified().await,
                Some((slot, end)) if end <= Instant::now() => {
                    lock(&self.slots).remove(&slot);
                    return slot;
                }
                Some((_, end)) => sleep_until(end).await,
            }
        }
    }
}

impl InUse {
    /// Notes what became of the call.
    pub(super) fn note(&mut self, outcome: &Outcome) {
        self.end = match outcome {
            Outcome::Done(_) => End::Signed,
            Outcome::PinNeeded(_) | Outcome::LoggingIn => End::Without,
            // A page can name any number of them.
            Outcome::Failed(failure) if failure.code == ErrorCode::NoSlot => End::Without,
            Outcome::Failed(_) | Outcome::PinRefused(_) | Outcome::ModuleLost(_) => End::NotKnown,
        };
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = lock(&self.logins.slots).entry(self.slot) {
            let used = entry.get_mut();
            used.calls = used.calls.saturating_sub(1);
            used.is_left |= !matches!(self.end, End::Without);
            if matches!(self.end, End::Signed) {
                used.last = Instant::now();
            }
            if used.calls == 0 && !used.is_left {
                entry.remove();
            }
        }
        self.logins.changed.notify_one();
    }
}

/// Logs out of each slot once it was idle for `limit`, as long as the worker is there.
pub(super) async fn log_out(worker: Weak<WorkerProcess>, logins: Arc<Logins>, limit: Duration) {
    loop {
        let slot = logins.idle_for(limit).await;
        let Some(worker) = worker.upgrade() else { return };
        let task = Task::Logout { slot_id: Some(slot) };
        let request = Request { task: &task, permission: &PinPermission::None };
        if worker.execute(&request).await.is_ok() {
            tracing::info!(%slot, "logged out, because nothing was signed for a while");
        }
    }
}

/// Lets go of a worker once nobody has used it for `limit`. Runs as long as the worker is there.
pub(super) async fn let_go(session: Weak<OriginSession>, module: ModuleName, limit: Duration) {
    loop {
        sleep(limit).await;
        let Some(session) = session.upgrade() else { return };
        if session.let_go(&module, limit) {
            tracing::info!(origin = %session.origin, %module, "a worker was not used for a while");
            return;
        }
    }
}
