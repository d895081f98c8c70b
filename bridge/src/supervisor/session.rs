//! The workers of one origin. Each connection of the origin holds the session; when the last one
//! closes, the workers end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, Shared, join_all};
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::replacements::Replacements;
use super::worker::{LogoutReason, WorkerHandle, revoked, start_goes_on};
use crate::access::origin::Origin;
use crate::ipc::token_snapshot::TokenSnapshot;
use crate::modules::{Module, ModuleName};
use crate::process::lock::lock;
use crate::verification::known_certificates::KnownCertificates;

/// The tokens in the slots of a module, as the slot poller saw them last. A slow receiver sees only
/// the latest snapshot.
pub(crate) type TokenSnapshots = watch::Receiver<Arc<TokenSnapshot>>;

pub(crate) struct OriginSession {
    pub(super) origin: Origin,
    modules: Mutex<HashMap<ModuleName, ModuleUse>>,
    certificates: KnownCertificates,
    revoked: CancellationToken,
    gone: CancellationToken,
}

/// How the origin uses one module.
#[derive(Default)]
struct ModuleUse {
    worker: Option<WorkerStart>,
    /// Changes when the module reports a slot event. The slot poller holds a receiver.
    slot_events: watch::Sender<()>,
    /// Where the slot poller publishes its snapshots, while it runs.
    snapshots: Option<watch::Sender<Arc<TokenSnapshot>>>,
    replacements: Replacements,
}

/// A worker from its start on. All calls that come meanwhile wait for the same start.
pub(super) struct WorkerStart {
    outcome: StartOutcome,
    /// Cancelled if the start takes longer than calls wait for it.
    slow: CancellationToken,
    task: AbortHandle,
}

pub(super) type StartOutcome = Shared<BoxFuture<'static, Result<WorkerHandle, Failure>>>;

/// The start of a worker, as a call waits for it.
pub(super) struct AwaitedStart {
    outcome: StartOutcome,
    slow: CancellationToken,
}

impl AwaitedStart {
    /// Waits for the worker. Fails if it starts slowly and the call has waited for `limit`.
    pub(super) async fn wait(
        self,
        module: &Module,
        limit: Duration,
    ) -> Result<WorkerHandle, Failure> {
        let end = Instant::now() + limit;
        let too_slow = async {
            self.slow.cancelled().await;
            sleep_until(end).await;
        };
        tokio::select! {
            biased;
            outcome = self.outcome => outcome,
            () = too_slow => Err(start_goes_on(module, limit)),
        }
    }
}

impl WorkerStart {
    /// `task` runs the start; `outcome` tells what it led to.
    pub(super) fn new(outcome: StartOutcome, slow: CancellationToken, task: AbortHandle) -> Self {
        Self { outcome, slow, task }
    }

    fn awaited(&self) -> AwaitedStart {
        AwaitedStart { outcome: self.outcome.clone(), slow: self.slow.clone() }
    }

    /// The worker, once it has started.
    fn started(&self) -> Option<&WorkerHandle> {
        self.outcome.peek()?.as_ref().ok()
    }

    /// Whether the worker takes requests, or is starting.
    fn is_alive(&self) -> bool {
        self.outcome.peek().is_none() || self.started().is_some_and(WorkerHandle::is_alive)
    }
}

impl Drop for WorkerStart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl OriginSession {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            modules: Mutex::default(),
            certificates: KnownCertificates::default(),
            revoked: CancellationToken::new(),
            gone: CancellationToken::new(),
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The certificates that the origin has seen or used.
    pub(crate) fn certificates(&self) -> &KnownCertificates {
        &self.certificates
    }

    /// Cancelled when the user revokes the origin.
    pub(crate) fn revoked(&self) -> &CancellationToken {
        &self.revoked
    }

    /// Cancelled when the last connection of the origin is gone.
    pub(crate) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// Whether the origin has a live worker for the module.
    pub(crate) fn is_running(&self, module: &ModuleName) -> bool {
        let modules = lock(&self.modules);
        let worker = modules.get(module).and_then(|used| used.worker.as_ref()?.started());
        worker.is_some_and(WorkerHandle::is_alive)
    }

    /// The start of the module's worker. Calls `prepare` if there is no live worker, and `start` if
    /// that succeeds. Fails if the origin is revoked.
    pub(super) fn worker<P>(
        &self,
        module: &ModuleName,
        prepare: impl FnOnce() -> Result<P, Failure>,
        start: impl FnOnce(P, watch::Sender<()>) -> WorkerStart,
    ) -> Result<AwaitedStart, Failure> {
        let mut modules = lock(&self.modules);
        if self.revoked.is_cancelled() {
            return Err(revoked());
        }
        let live = modules.get(module).and_then(|used| used.worker.as_ref());
        if let Some(live) = live.filter(|worker| worker.is_alive()) {
            return Ok(live.awaited());
        }
        let prepared = prepare()?;
        let used = modules.entry(module.clone()).or_default();
        // Dropped before the new start begins, so that the old worker gets its turn first.
        used.worker = None;
        let worker = start(prepared, used.slot_events.clone());
        Ok(used.worker.insert(worker).awaited())
    }

    /// Kills the workers and has the connections closed.
    pub(super) fn revoke(&self) {
        self.revoked.cancel();
        for used in lock(&self.modules).values_mut() {
            let worker = used.worker.take();
            if let Some(worker) = worker.as_ref().and_then(WorkerStart::started) {
                worker.end_now();
            }
        }
    }

    /// Takes the permission to replace the module's worker because its module fails.
    pub(super) fn may_replace_worker(&self, module: &ModuleName) -> bool {
        lock(&self.modules).entry(module.clone()).or_default().replacements.take()
    }

    /// The worker that replaced another one did what that one did not.
    pub(super) fn replacement_helped(&self, module: &ModuleName) {
        lock(&self.modules).entry(module.clone()).or_default().replacements.helped();
    }

    /// A task on a token of the module succeeded.
    pub(super) fn token_worked(&self, module: &ModuleName) {
        if let Some(used) = lock(&self.modules).get_mut(module) {
            used.replacements.worked();
        }
    }

    /// Drops the handle of a worker that takes no more requests. So it ends before the next call.
    pub(super) fn drop_ended_worker(&self, module: &ModuleName) {
        if let Some(used) = lock(&self.modules).get_mut(module) {
            used.worker.take_if(|worker| !worker.is_alive());
        }
    }

    /// The number of workers that run or start.
    pub(super) fn worker_count(&self) -> usize {
        let modules = lock(&self.modules);
        let workers = modules.values().filter_map(|used| used.worker.as_ref());
        workers.filter(|worker| worker.is_alive()).count()
    }

    /// Ends the worker whose last call is the longest ago.
    pub(super) async fn end_least_used_worker(&self) {
        let workers: Vec<WorkerHandle> = lock(&self.modules)
            .values()
            .filter_map(|used| used.worker.as_ref()?.started().cloned())
            .filter(WorkerHandle::is_alive)
            .collect();
        let times = join_all(workers.iter().map(WorkerHandle::last_used)).await;
        let times = times.into_iter().map(Result::unwrap_or_default);
        if let Some((worker, _)) = workers.iter().zip(times).max_by_key(|(_, time)| *time) {
            worker.make_room();
        }
    }

    /// Ends the logins of all workers. `done` is dropped when that is done.
    pub(super) fn log_out(&self, reason: LogoutReason, done: &mpsc::Sender<()>) {
        let modules = lock(&self.modules);
        let workers = modules.values().filter_map(|used| used.worker.as_ref()?.started());
        workers.for_each(|worker| worker.log_out(reason, done.clone()));
    }

    /// The modules whose workers are unused, and for how long.
    pub(super) async fn unused_workers(&self) -> Vec<(ModuleName, Duration)> {
        let times: Vec<_> = lock(&self.modules)
            .iter()
            .filter_map(|(module, used)| Some((module, used.worker.as_ref()?.started()?)))
            .map(|(module, worker)| (module.clone(), worker.unused_for()))
            .collect();
        let times =
            times.into_iter().map(|(module, time)| async { Some((module, time.await.ok()??)) });
        join_all(times).await.into_iter().flatten().collect()
    }

    /// Ends the module's worker if it is unused for that time. Says whether it ends.
    pub(super) async fn end_unused_worker(
        &self,
        module: &ModuleName,
        unused_for: Duration,
    ) -> bool {
        let ends = lock(&self.modules)
            .get(module)
            .and_then(|used| used.worker.as_ref()?.started())
            .map(|worker| worker.end_if_unused_for(unused_for));
        match ends {
            Some(ends) => ends.await.unwrap_or(false),
            None => false,
        }
    }

    /// Changes when the module reports a slot event.
    pub(super) fn slot_events(&self, module: &ModuleName) -> watch::Receiver<()> {
        lock(&self.modules).entry(module.clone()).or_default().slot_events.subscribe()
    }

    /// The snapshots of the module's slot poller, if it runs.
    pub(super) fn snapshots(&self, module: &ModuleName) -> Option<TokenSnapshots> {
        let modules = lock(&self.modules);
        modules.get(module)?.snapshots.as_ref().map(watch::Sender::subscribe)
    }

    /// Begins the snapshots of a new slot poller. Returns no sender if another poller was quicker.
    pub(super) fn begin_snapshots(
        &self,
        module: &ModuleName,
        first: TokenSnapshot,
    ) -> (TokenSnapshots, Option<watch::Sender<Arc<TokenSnapshot>>>) {
        let mut modules = lock(&self.modules);
        let used = modules.entry(module.clone()).or_default();
        if let Some(snapshots) = &used.snapshots {
            return (snapshots.subscribe(), None);
        }
        let (sender, snapshots) = watch::channel(Arc::new(first));
        used.snapshots = Some(sender.clone());
        (snapshots, Some(sender))
    }

    /// Ends the snapshots of the module's slot poller if nobody receives them. Says whether it did.
    pub(super) fn end_snapshots(&self, module: &ModuleName) -> bool {
        let mut modules = lock(&self.modules);
        let Some(used) = modules.get_mut(module) else { return true };
        used.snapshots.take_if(|snapshots| snapshots.is_closed());
        used.snapshots.is_none()
    }
}

impl Drop for OriginSession {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}
