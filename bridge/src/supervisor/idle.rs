//! Ends logins that nobody signs with any more. Reading does not keep a login alive: a page may ask for
//! its slots every second.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::call::{Call, Logout};
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Errand;
use super::worker_process::WorkerProcess;
use crate::lock::lock;
use crate::pipe::{Leave, unix_micros};

/// The slots of a worker that may be logged in, with when they were signed with last.
#[derive(Default)]
pub(super) struct Logins {
    last_used: Mutex<HashMap<SlotId, Instant>>,
    used: Notify,
    /// Cancelled when the worker is let go of.
    pub(super) gone: CancellationToken,
}

impl Logins {
    /// Notes a call that may log in, whatever becomes of it.
    pub(super) fn begin(&self, call: &Call) {
        let Some(slot) = slot_of(call) else { return };
        if let Entry::Vacant(entry) = lock(&self.last_used).entry(slot) {
            entry.insert(Instant::now());
            self.used.notify_one();
        }
    }

    /// Notes a call that has signed.
    pub(super) fn renew(&self, call: &Call) {
        if let Some(slot) = slot_of(call) {
            lock(&self.last_used).insert(slot, Instant::now());
        }
    }

    /// Returns when a login has been idle for `limit`, which is noted no more.
    async fn idle_for(&self, limit: Duration) -> SlotId {
        loop {
            let oldest = lock(&self.last_used)
                .iter()
                .map(|(slot, used)| (*slot, *used + limit))
                .min_by_key(|(_, end)| *end);
            match oldest {
                None => self.used.notified().await,
                Some((slot, end)) if end <= Instant::now() => {
                    lock(&self.last_used).remove(&slot);
                    return slot;
                }
                Some((_, end)) => sleep_until(end).await,
            }
        }
    }
}

fn slot_of(call: &Call) -> Option<SlotId> {
    match call {
        Call::SignData(params) => Some(params.slot_id),
        Call::SignDataBatch(params) => Some(params.slot_id),
        _ => None,
    }
}

/// Logs out of each slot once it was idle for `limit`, as long as the worker is there.
pub(super) async fn log_out(worker: Weak<WorkerProcess>, logins: Arc<Logins>, limit: Duration) {
    loop {
        let slot = tokio::select! {
            slot = logins.idle_for(limit) => slot,
            () = logins.gone.cancelled() => return,
        };
        let Some(worker) = worker.upgrade() else { return };
        let call = Call::Logout(Logout { module: None, slot_id: Some(slot) });
        let errand = Errand { call: &call, leave: &Leave::Nothing, arrived: unix_micros() };
        if worker.call(&errand).await.is_ok() {
            tracing::info!(%slot, "logged out, because nothing was signed for a while");
        }
    }
}
