//! Who may use which worker: one worker for each pair of module and origin, started by the first
//! call and ended when the origin's last connection closes, or when nobody has used it for a while.

mod circuit_breaker;
mod idle;
mod limits;
mod session;
mod slot_poller;
mod worker_permits;
mod worker_process;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use futures_util::future::FutureExt;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::origin::Origin;
use crate::ipc::message::Outcome;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::Task;
use crate::modules::{Module, ModuleName};
use crate::process::lock::lock;
use circuit_breaker::CircuitBreaker;
pub(crate) use limits::WorkerLimits;
pub(crate) use session::OriginSession;
use session::Start;
pub(crate) use slot_poller::TokenSnapshots;
use worker_permits::WorkerPermits;
use worker_process::{Delivery, WorkerConfig};
pub(crate) use worker_process::{WorkerProcess, revoked};

/// A task for a worker, with the PIN that may go to the token for it.
pub(crate) struct Request<'a> {
    pub(crate) task: &'a Task,
    pub(crate) permission: &'a PinPermission,
}

/// All origins that are connected.
pub(crate) struct Supervisor {
    limits: WorkerLimits,
    sessions: Arc<Sessions>,
    places: Arc<WorkerPermits>,
    turns: Mutex<HashMap<ModuleName, TurnLock>>,
    /// What went wrong, also of origins that are gone: a page could come again at once.
    faults: Mutex<HashMap<(Origin, ModuleName), Arc<CircuitBreaker>>>,
    endings: TaskTracker,
    stopping: CancellationToken,
}

/// SoftHSM is known to fail where several processes start on it at the same instant, and a card may
/// still belong to the worker that lets go of it: starts and ends on one module are one at a time.
pub(crate) type TurnLock = Arc<AsyncMutex<()>>;

/// The origins that have connections.
#[derive(Default)]
struct Sessions(Mutex<HashMap<Origin, Weak<OriginSession>>>);

impl Sessions {
    fn of(&self, origin: &Origin) -> Arc<OriginSession> {
        let mut sessions = lock(&self.0);
        sessions.retain(|_, session| session.strong_count() > 0);
        if let Some(session) = sessions.get(origin).and_then(Weak::upgrade) {
            return session;
        }
        let session = Arc::new(OriginSession::new(origin.clone()));
        sessions.insert(origin.clone(), Arc::downgrade(&session));
        session
    }

    /// Lets go of the worker, of any origin, that was not used for the longest time.
    fn let_go_of_one(&self) {
        let sessions: Vec<_> = lock(&self.0).values().filter_map(Weak::upgrade).collect();
        let least_used = sessions
            .iter()
            .filter_map(|session| {
                session.least_used().map(|(module, time)| (session, module, time))
            })
            .max_by_key(|(_, _, time)| *time);
        if let Some((session, module, time)) = least_used
            && session.let_go(&module, time)
        {
            tracing::info!(origin = %session.origin, %module, "a worker makes room for another");
        }
    }
}

impl Supervisor {
    pub(crate) fn new(limits: WorkerLimits) -> Self {
        let sessions = Arc::<Sessions>::default();
        Self {
            limits,
            places: Arc::new(WorkerPermits::new(Arc::clone(&sessions))),
            sessions,
            turns: Mutex::default(),
            faults: Mutex::default(),
            endings: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// What a connection of `origin` has to hold as long as it lives.
    pub(crate) fn session(&self, origin: &Origin) -> Arc<OriginSession> {
        self.sessions.of(origin)
    }

    /// Carries out a call on the origin's worker for the module, which is started where there is
    /// none. A call that no worker has got, or for which nothing was done because the module had lost its
    /// state, goes to another worker.
    pub(crate) async fn execute(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
        request: &Request<'_>,
    ) -> Result<Outcome, Failure> {
        for _ in 1..MAX_WORKERS_PER_CALL {
            match self.worker(session, module).await?.deliver(request).await? {
                Delivery::Done(Outcome::ModuleLost(_)) | Delivery::NotSent(_) => {}
                Delivery::Done(outcome) => return Ok(outcome),
            }
        }
        let outcome = self.worker(session, module).await?.execute(request).await?;
        if let Outcome::ModuleLost(_) = outcome {
            self.faults(session, module).note(Instant::now());
        }
        Ok(outcome)
    }

    /// The origin's worker for the module, which is started where there is none and the origin is not
    /// revoked. Whoever holds it keeps it, also where the last connection of the origin goes.
    pub(crate) async fn worker(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
    ) -> Result<Arc<WorkerProcess>, Failure> {
        let outcome = {
            let mut workers = lock(&session.workers);
            if session.revoked().is_cancelled() {
                return Err(revoked());
            }
            match workers.get(&module.name).filter(|start| start.is_alive()) {
                Some(start) => start.outcome.clone(),
                None => {
                    let faults = self.faults(session, module);
                    faults.admit(&module.name)?;
                    let start = self.start(session, module, faults);
                    let outcome = start.outcome.clone();
                    workers.insert(module.name.clone(), start);
                    outcome
                }
            }
        };
        outcome.await
    }

    fn start(
        &self,
        session: &Arc<OriginSession>,
        module: &Arc<Module>,
        faults: Arc<CircuitBreaker>,
    ) -> Start {
        let surroundings = WorkerConfig {
            module: Arc::clone(module),
            limits: self.limits,
            turn: Arc::clone(lock(&self.turns).entry(module.name.clone()).or_default()),
            faults,
            slot_events: session.slot_events(&module.name),
            endings: self.endings.clone(),
        };
        let (places, endings, limits) =
            (Arc::clone(&self.places), self.endings.clone(), self.limits);
        let (session, name) = (Arc::downgrade(session), module.name.clone());
        // A task of its own: it goes on where the caller who began it does not wait for it.
        let task = self.endings.spawn(async move {
            let place = places.take().await?;
            let worker = Arc::new(WorkerProcess::start(surroundings, place).await?);
            let (used, gone) = (Arc::downgrade(&worker), worker.gone().clone());
            endings.spawn(gone.clone().run_until_cancelled_owned(idle::log_out(
                used,
                Arc::clone(worker.logins()),
                limits.login_idle,
            )));
            endings.spawn(gone.run_until_cancelled_owned(idle::let_go(session, name, limits.idle)));
            Ok(worker)
        });
        let abort = task.abort_handle();
        let outcome = task.map(|result| {
            result.unwrap_or_else(|error| {
                let message = format!("The start of the worker failed ({error}). Try again.");
                Err(Failure::new(ErrorCode::Internal, message).into())
            })
        });
        let outcome = outcome.boxed().shared();
        // Who looks at what came of it has to see it, also where nobody waits for it any more.
        self.endings.spawn(outcome.clone().map(drop));
        Start { outcome, task: abort }
    }

    fn faults(&self, session: &OriginSession, module: &Module) -> Arc<CircuitBreaker> {
        let (mut all, now) = (lock(&self.faults), Instant::now());
        all.retain(|_, faults| Arc::strong_count(faults) > 1 || faults.is_of_use(now));
        Arc::clone(all.entry((session.origin.clone(), module.name.clone())).or_default())
    }

    /// Whether the module is set aside for the origin.
    pub(crate) fn is_set_aside(&self, session: &OriginSession, module: &Module) -> bool {
        self.faults(session, module).set_aside(Instant::now()).is_some()
    }

    /// Ends an origin's workers and has its connections closed, whatever they are at.
    pub(crate) fn revoke(&self, origin: &Origin) {
        let session = lock(&self.sessions.0).remove(origin).and_then(|session| session.upgrade());
        if let Some(session) = session {
            session.revoke();
        }
    }

    /// Cancelled when the bridge stops: then nobody may hold a worker any more.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Returns when the workers of all sessions have ended; those have to be dropped before.
    pub(crate) async fn end(&self) {
        self.stopping.cancel();
        self.endings.close();
        self.endings.wait().await;
    }
}

const MAX_WORKERS_PER_CALL: usize = 3;
