//! The workers of one origin. Each of its connections holds the session; the last one to go ends them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared};
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::worker_process::WorkerProcess;
use crate::access::origin::Origin;
use crate::ipc::token_snapshot::Tokens;
use crate::modules::ModuleName;
use crate::process::lock::lock;

pub(crate) struct OriginSession {
    pub(super) origin: Origin,
    pub(super) workers: Mutex<HashMap<ModuleName, Start>>,
    /// Where the tokens in the slots of a module are looked at again and again.
    pub(super) slot_polleres: Mutex<HashMap<ModuleName, watch::Sender<Arc<Tokens>>>>,
    /// Each changes when its module says that something has happened in one of its slots.
    slot_events: Mutex<HashMap<ModuleName, watch::Sender<()>>>,
    revoked: CancellationToken,
    gone: CancellationToken,
}

/// A worker from its start on. Whoever calls meanwhile waits for the same start and shares what
/// comes of it.
pub(super) struct Start {
    pub(super) outcome: Shared<BoxFuture<'static, Result<Arc<WorkerProcess>, Failure>>>,
    pub(super) task: AbortHandle,
}

impl Start {
    pub(super) fn is_alive(&self) -> bool {
        match self.outcome.peek() {
            None => true,
            Some(Ok(worker)) => worker.is_alive(),
            Some(Err(_)) => false,
        }
    }

    /// For how long nobody has used the worker, nor is it logged in; `None` where somebody does, or where
    /// it is not there yet.
    fn unused_for(&self) -> Option<Duration> {
        match self.outcome.peek() {
            // All others who have it are about to call.
            Some(Ok(worker)) if Arc::strong_count(worker) == 1 => worker.unused_for(),
            _ => None,
        }
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl OriginSession {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            workers: Mutex::default(),
            slot_polleres: Mutex::default(),
            slot_events: Mutex::default(),
            revoked: CancellationToken::new(),
            gone: CancellationToken::new(),
        }
    }

    /// Cancelled when the origin is revoked.
    pub(crate) fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }

    /// Cancelled when the last connection of the origin is gone.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// Whether the origin has a live worker for the module.
    pub(crate) fn is_running(&self, module: &ModuleName) -> bool {
        lock(&self.workers).get(module).is_some_and(
            |start| matches!(start.outcome.peek(), Some(Ok(worker)) if worker.is_alive()),
        )
    }

    /// Where it is heard that something has happened in a slot of the module.
    pub(super) fn slot_events(&self, module: &ModuleName) -> watch::Sender<()> {
        lock(&self.slot_events).entry(module.clone()).or_default().clone()
    }

    /// Ends the workers, whatever they are at, and has the connections closed.
    pub(super) fn revoke(&self) {
        self.revoked.cancel();
        for (_, start) in lock(&self.workers).drain() {
            if let Some(Ok(worker)) = start.outcome.peek() {
                worker.end_now();
            }
        }
    }

    /// The worker that was not used for the longest time, and how long that is.
    pub(super) fn least_used(&self) -> Option<(ModuleName, Duration)> {
        let workers = lock(&self.workers);
        let unused = workers.iter().filter_map(|(module, start)| {
            if self.watches(module) { None } else { Some((module, start.unused_for()?)) }
        });
        unused.max_by_key(|(_, time)| *time).map(|(module, time)| (module.clone(), time))
    }

    /// Lets go of a module's worker, if nobody has used it for that time. Says whether it did.
    pub(super) fn let_go(&self, module: &ModuleName, unused_for: Duration) -> bool {
        let mut workers = lock(&self.workers);
        let unused = workers.get(module).and_then(Start::unused_for);
        let is_unused = unused.is_some_and(|time| time >= unused_for) && !self.watches(module);
        is_unused && workers.remove(module).is_some()
    }

    fn watches(&self, module: &ModuleName) -> bool {
        lock(&self.slot_polleres).get(module).is_some_and(|watch| !watch.is_closed())
    }
}

impl Drop for OriginSession {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}
