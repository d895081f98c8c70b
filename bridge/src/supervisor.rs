//! Who may use which worker: one worker for each pair of module and origin, started by the first
//! call and ended when the origin's last connection closes.

mod worker_process;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use futures_util::future::{BoxFuture, FutureExt, Shared};
use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::lock::lock;
use crate::modules::{Module, ModuleName};
use crate::origin::Origin;
use crate::pipe::Outcome;
use worker_process::WorkerProcess;

/// All origins that are connected.
#[derive(Default)]
pub(crate) struct Supervisor {
    sessions: Mutex<HashMap<Origin, Weak<OriginSession>>>,
    turns: Mutex<HashMap<ModuleName, TurnLock>>,
    endings: TaskTracker,
}

/// SoftHSM is known to fail where several processes start on it at the same instant, and a card may
/// still belong to the worker that lets go of it: starts and ends on one module are one at a time.
pub(crate) type TurnLock = Arc<AsyncMutex<()>>;

/// The workers of one origin. Each of its connections holds one; the last one to go ends them.
pub(crate) struct OriginSession {
    workers: Mutex<HashMap<ModuleName, Start>>,
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
    /// What a connection of `origin` has to hold as long as it lives.
    pub(crate) fn session(&self, origin: &Origin) -> Arc<OriginSession> {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, session| session.strong_count() > 0);
        if let Some(session) = sessions.get(origin).and_then(Weak::upgrade) {
            return session;
        }
        let session = Arc::new(OriginSession { workers: Mutex::default() });
        sessions.insert(origin.clone(), Arc::downgrade(&session));
        session
    }

    /// Carries out a call on the origin's worker for the module, which is started where there is
    /// none.
    pub(crate) async fn call(
        &self,
        session: &OriginSession,
        module: &Arc<Module>,
        call: &Call,
    ) -> Result<Outcome, ErrorObject> {
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
        Ok(outcome.await?.call(call).await?)
    }

    fn start(&self, module: &Arc<Module>) -> Start {
        let turn = Arc::clone(lock(&self.turns).entry(module.name.clone()).or_default());
        let start = WorkerProcess::start(Arc::clone(module), turn, self.endings.clone());
        // A task of its own: it goes on where the caller who began it does not wait for it.
        let task = self.endings.spawn(async { start.await.map(Arc::new) });
        let abort = task.abort_handle();
        let outcome = task.map(|result| {
            result.unwrap_or_else(|error| {
                let message = format!("The start of the worker failed ({error}). Try again.");
                Err(Failure::new(Row::Internal, message).into())
            })
        });
        Start { outcome: outcome.boxed().shared(), task: abort }
    }

    /// Returns when the workers of all sessions that were dropped have ended.
    pub(crate) async fn ended(&self) {
        self.endings.close();
        self.endings.wait().await;
    }
}

impl OriginSession {
    /// Whether the origin has a live worker for the module.
    pub(crate) fn is_running(&self, module: &ModuleName) -> bool {
        lock(&self.workers).get(module).is_some_and(
            |start| matches!(start.outcome.peek(), Some(Ok(worker)) if worker.is_alive()),
        )
    }
}
