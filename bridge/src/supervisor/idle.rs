//! Ends logins that nobody signs with any more, and workers that nobody uses. Reading does not keep a login
//! alive: a page may ask for its slots every second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::call::{Call, Logout};
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

use super::worker_process::WorkerProcess;
use super::{Errand, OriginSession};
use crate::lock::lock;
use crate::modules::ModuleName;
use crate::pipe::{Leave, unix_micros};

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
}

/// A call that may log in or use a login, for as long as it lives.
pub(super) struct InUse {
    logins: Arc<Logins>,
    slot: SlotId,
    signed: bool,
}

impl Logins {
    /// Notes a call; `None` where it needs no login.
    pub(super) fn begin(self: &Arc<Self>, call: &Call) -> Option<InUse> {
        let slot = call.signing_slot()?;
        let new = || Use { last: Instant::now(), calls: 0 };
        lock(&self.slots).entry(slot).or_insert_with(new).calls += 1;
        Some(InUse { logins: Arc::clone(self), slot, signed: false })
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
    /// The call has signed.
    pub(super) fn signed(&mut self) {
        self.signed = true;
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        if let Some(used) = lock(&self.logins.slots).get_mut(&self.slot) {
            used.calls = used.calls.saturating_sub(1);
            if self.signed {
                used.last = Instant::now();
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
        let call = Call::Logout(Logout { module: None, slot_id: Some(slot) });
        let errand = Errand { call: &call, leave: &Leave::Nothing, arrived: unix_micros() };
        if worker.call(&errand).await.is_ok() {
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
