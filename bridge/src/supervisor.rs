//! Who may use which worker: one worker for each pair of module and origin, started by the first
//! call and ended when the origin's last connection closes.

mod idle;
mod worker_process;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::lock::lock;
use crate::modules::{Module, ModuleName};
use crate::origin::Origin;
use crate::pipe::{Leave, Outcome};
pub(crate) use worker_process::WorkerProcess;
pub(crate) use worker_process::revoked;

/// A call on its way to a worker, with the PIN that may go to the token for it.
pub(crate) struct Errand<'a> {
    pub(crate) call: &'a Call,
    pub(crate) leave: &'a Leave,
    /// When the bridge took the call, in microseconds since 1970; the same however often it is sent.
    pub(crate) arrived: u64,
}

/// All origins that are connected.
pub(crate) struct Supervisor {
    /// How long a login is kept that nobody signs with.
    login_idle: Duration,
    sessions: Mutex<HashMap<Origin, Weak<OriginSession>>>,
    turns: Mutex<HashMap<ModuleName, TurnLock>>,
    endings: TaskTracker,
    stopping: CancellationToken,
}

/// SoftHSM is known to fail where several processes start on it at the same instant, and a card may
/// still belong to the worker that lets go of it: starts and ends on one module are one at a time.
pub(crate) type TurnLock = Arc<AsyncMutex<()>>;

/// The workers of one origin. Each of its connections holds one; the last one to go ends them.
#[derive(Default)]
pub(crate) struct OriginSession {
    workers: Mutex<HashMap<ModuleName, Start>>,
    revoked: CancellationToken,
    gone: CancellationToken,
}

/// A worker from its start on. Whoever calls meanwhile waits for the same start and shares what
/// comes of it.
struct Start {
    outcome: Shared<BoxFuture<'static, Result<Arc<WorkerProcess>, ErrorObject>>>,
    task: AbortHandle,
}

impl Start {
    fn is_alive(&self) -> bool {
        match self.outcome.peek() {
            None => true,
            Some(Ok(worker)) => worker.is_alive(),
            Some(Err(_)) => false,
        }
    }
}

impl Drop for Start {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Supervisor {
    pub(crate) fn new(login_idle: Duration) -> Self {
        Self {
            login_idle,
            sessions: Mutex::default(),
            turns: Mutex::default(),
            endings: TaskTracker::new(),
            stopping: CancellationToken::new(),
        }
    }

    /// What a connection of `origin` has to hold as long as it lives.
    pub(crate) fn session(&self, origin: &Origin) -> Arc<OriginSession> {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, session| session.strong_count() > 0);
        if let Some(session) = sessions.get(origin).and_then(Weak::upgrade) {
            return session;
        }
        let session = Arc::new(OriginSession::default());
        sessions.insert(origin.clone(), Arc::downgrade(&session));
        session
    }

    /// Carries out a call on the origin's worker for the module, which is started where there is
    /// none.
    pub(crate) async fn call(
        &self,
        session: &OriginSession,
        module: &Arc<Module>,
        errand: &Errand<'_>,
    ) -> Result<Outcome, ErrorObject> {
        Ok(self.worker(session, module).await?.call(errand).await?)
    }

    /// The origin's worker for the module, which is started where there is none. Whoever holds it keeps
    /// it, also where the last connection of the origin goes.
    pub(crate) async fn worker(
        &self,
        session: &OriginSession,
        module: &Arc<Module>,
    ) -> Result<Arc<WorkerProcess>, ErrorObject> {
        let outcome = {
            let mut workers = lock(&session.workers);
            match workers.get(&module.name).filter(|start| start.is_alive()) {
                Some(start) => start.outcome.clone(),
                None => {
                    let start = self.start(module);
                    let outcome = start.outcome.clone();
                    workers.insert(module.name.clone(), start);
                    outcome
                }
            }
        };
        outcome.await
    }

    fn start(&self, module: &Arc<Module>) -> Start {
        let turn = Arc::clone(lock(&self.turns).entry(module.name.clone()).or_default());
        let start = WorkerProcess::start(Arc::clone(module), turn, self.endings.clone());
        let (endings, login_idle) = (self.endings.clone(), self.login_idle);
        // A task of its own: it goes on where the caller who began it does not wait for it.
        let task = self.endings.spawn(async move {
            let worker = Arc::new(start.await?);
            let logins = Arc::clone(worker.logins());
            endings.spawn(idle::log_out(Arc::downgrade(&worker), logins, login_idle));
            Ok(worker)
        });
        let abort = task.abort_handle();
        let outcome = task.map(|result| {
            result.unwrap_or_else(|error| {
                let message = format!("The start of the worker failed ({error}). Try again.");
                Err(Failure::new(Row::Internal, message).into())
            })
        });
        Start { outcome: outcome.boxed().shared(), task: abort }
    }

    /// Ends an origin's workers and has its connections closed, whatever they are at.
    pub(crate) fn revoke(&self, origin: &Origin) {
        let session = lock(&self.sessions).remove(origin).and_then(|session| session.upgrade());
        if let Some(session) = session {
            session.revoked.cancel();
            for (_, start) in lock(&session.workers).drain() {
                if let Some(Ok(worker)) = start.outcome.peek() {
                    worker.end_now();
                }
            }
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

impl Drop for OriginSession {
    fn drop(&mut self) {
        self.gone.cancel();
    }
}

impl OriginSession {
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
}
