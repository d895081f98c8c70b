//! Who may use which worker: one worker for each pair of module and origin, started by the first
//! call and ended when the origin's last connection closes.

mod worker_process;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::ErrorObject;
use tokio::sync::Mutex as AsyncMutex;
use tokio_util::task::TaskTracker;

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
    workers: Mutex<HashMap<ModuleName, WorkerSlot>>,
    endings: TaskTracker,
}

type WorkerSlot = Arc<AsyncMutex<Option<Arc<WorkerProcess>>>>;

impl Supervisor {
    /// What a connection of `origin` has to hold as long as it lives.
    pub(crate) fn session(&self, origin: &Origin) -> Arc<OriginSession> {
        let mut sessions = lock(&self.sessions);
        sessions.retain(|_, session| session.strong_count() > 0);
        if let Some(session) = sessions.get(origin).and_then(Weak::upgrade) {
            return session;
        }
        let session =
            Arc::new(OriginSession { workers: Mutex::default(), endings: self.endings.clone() });
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
        let slot = Arc::clone(lock(&session.workers).entry(module.name.clone()).or_default());
        let worker = {
            let mut slot = slot.lock().await;
            match slot.as_ref().filter(|worker| worker.is_alive()) {
                Some(worker) => Arc::clone(worker),
                None => {
                    *slot = None;
                    let turn =
                        Arc::clone(lock(&self.turns).entry(module.name.clone()).or_default());
                    let worker = WorkerProcess::start(module, turn, &session.endings).await?;
                    Arc::clone(slot.insert(Arc::new(worker)))
                }
            }
        };
        worker.call(call).await.map_err(ErrorObject::from)
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
        lock(&self.workers).get(module).is_some_and(|slot| {
            slot.try_lock().is_ok_and(|slot| slot.as_ref().is_some_and(|worker| worker.is_alive()))
        })
    }
}

/// A lock that a panic cannot poison for the others: the maps are never left half changed.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
