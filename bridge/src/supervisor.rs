//! Which call goes to which worker. Each pair of module and origin has a worker of its own. The
//! first call starts it. It ends when the origin's last connection closes, or when it is idle for a
//! while.

mod circuit_breaker;
mod limits;
mod listings;
mod recovery;
mod replacements;
mod session;
mod sessions;
mod slot_poller;
mod suspicion;
mod worker;
mod worker_permits;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::FutureExt;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::origin::Origin;
use crate::modules::{Module, ModuleName};
use crate::process::lock::lock;
use circuit_breaker::CircuitBreaker;
pub(crate) use limits::WorkerLimits;
use listings::Listings;
use session::WorkerStart;
pub(crate) use session::{OriginSession, TokenSnapshots};
use sessions::Sessions;
pub(crate) use worker::{
    BatchId, Delivery, LoginTerms, LogoutReason, Request, WorkerHandle, revoked,
};
use worker::{TurnLock, WorkerConfig};
use worker_permits::WorkerPermits;

pub(crate) struct Supervisor {
    limits: WorkerLimits,
    /// The bridge's own files and folders, which no module may write.
    protected: Arc<[PathBuf]>,
    sessions: Arc<Sessions>,
    permits: Arc<WorkerPermits>,
    modules: Mutex<ModuleRecords>,
    listings: Listings,
    /// The tasks that the bridge waits for before it exits.
    tasks: TaskTracker,
    stopping: CancellationToken,
}

/// What outlives the workers and sessions that use a module.
#[derive(Default)]
struct ModuleRecords {
    turns: HashMap<ModuleName, TurnLock>,
    /// A record stays when its origin has no connection any more: a page could reconnect at once.
    breakers: HashMap<(Origin, ModuleName), Arc<CircuitBreaker>>,
}

impl Supervisor {
    pub(crate) fn new(limits: WorkerLimits, protected: Vec<PathBuf>) -> Self {
        let sessions = Arc::<Sessions>::default();
        Self {
            limits,
            protected: protected.into(),
            permits: Arc::new(WorkerPermits::new(Arc::clone(&sessions))),
            sessions,
            modules: Mutex::default(),
            listings: Listings::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// The session of `origin`. Each connection holds it until it closes.
    pub(crate) fn session(&self, origin: &Origin) -> Arc<OriginSession> {
        self.sessions.get(origin)
    }

    /// A handle of the origin's worker for the module. Starts a worker if there is none. The handle
    /// keeps the worker, even if the last connection of the origin closes. Fails if the origin is
    /// revoked.
    pub(crate) async fn worker(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<WorkerHandle, Failure> {
        let admit = || {
            let breaker = self.breaker(session, module);
            breaker.admit(&module.name).map(|()| breaker)
        };
        let start =
            |breaker, slot_events| self.start(&session.origin, module, breaker, slot_events);
        let limit = self.limits.deadlines.read;
        session.worker(&module.name, admit, start)?.wait(module, limit).await
    }

    fn start(
        &self,
        origin: &Origin,
        module: &Arc<Module>,
        breaker: Arc<CircuitBreaker>,
        slot_events: watch::Sender<()>,
    ) -> WorkerStart {
        let config = WorkerConfig {
            origin: origin.clone(),
            module: Arc::clone(module),
            limits: self.limits,
            protected: Arc::clone(&self.protected),
            turn: Arc::clone(lock(&self.modules).turns.entry(module.name.clone()).or_default()),
            breaker,
            slot_events,
            tasks: self.tasks.clone(),
        };
        let (permits, origin) = (Arc::clone(&self.permits), origin.clone());
        let slow = CancellationToken::new();
        let is_slow = slow.clone();
        // A task of its own, so that the start goes on if the caller that began it goes away.
        let task = self.tasks.spawn(async move {
            worker::start(config, permits.take(&origin).await?, is_slow).await
        });
        let abort = task.abort_handle();
        let outcome = task.map(|result| {
            result.unwrap_or_else(|error| {
                let message = format!("The start of the worker failed ({error}). Try again.");
                Err(Failure::new(ErrorCode::Internal, message))
            })
        });
        let outcome = outcome.boxed().shared();
        // Store the outcome, so that later callers see it even if all that wait for it go away.
        self.tasks.spawn(outcome.clone().map(drop));
        WorkerStart::new(outcome, slow, abort)
    }

    fn breaker(&self, session: &OriginSession, module: &Module) -> Arc<CircuitBreaker> {
        let (breakers, now) = (&mut lock(&self.modules).breakers, Instant::now());
        breakers.retain(|_, breaker| Arc::strong_count(breaker) > 1 || breaker.has_history(now));
        Arc::clone(breakers.entry((session.origin.clone(), module.name.clone())).or_default())
    }

    /// Whether the module is suspended for the origin.
    pub(crate) fn is_suspended(&self, session: &OriginSession, module: &Module) -> bool {
        self.breaker(session, module).suspended_for(Instant::now()).is_some()
    }

    /// The certificates that origins have listed.
    pub(crate) fn listings(&self) -> &Listings {
        &self.listings
    }

    /// Whether the module answered an error when it was last started for the origin.
    pub(crate) fn start_failed(&self, session: &OriginSession, module: &Module) -> bool {
        self.breaker(session, module).start_failed()
    }

    /// How long the bridge keeps logins.
    pub(crate) fn limits(&self) -> WorkerLimits {
        self.limits
    }

    /// Ends the logins of all origins. From now on, no task can use them. Waits a few seconds until
    /// the tokens know it too.
    pub(crate) async fn log_out(&self, reason: LogoutReason) {
        let (done, mut all_done) = mpsc::channel(1);
        for session in self.sessions.all() {
            session.log_out(reason, &done);
        }
        drop(done);
        let _ = timeout(LOGOUT_WAIT, all_done.recv()).await;
    }

    /// Kills an origin's workers and has its connections closed.
    pub(crate) fn revoke(&self, origin: &Origin) {
        self.listings.forget_origin(origin);
        if let Some(session) = self.sessions.remove(origin) {
            session.revoke();
        }
    }

    /// Cancelled when the bridge stops. Then all handles of workers must be dropped.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Returns when all workers have ended. All sessions must be dropped before.
    pub(crate) async fn end(&self) {
        self.stopping.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

const LOGOUT_WAIT: Duration = Duration::from_secs(4);
