//! Lets as many tasks into a worker as it has threads. A task that waits here has no deadline yet
//! that would end the worker, and it vanishes with its caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::failures;
use crate::modules::Module;

/// Shared by the process task of a worker and the handles of that worker.
pub(super) struct Admission {
    module: Arc<Module>,
    threads: Arc<Semaphore>,
    next_id: AtomicU64,
    /// Why the worker ended, once the process task knows.
    end: OnceLock<Failure>,
}

/// The right to one thread of the worker, until the task on it has ended.
pub(super) struct ThreadPermit {
    /// Names the task to the worker.
    pub(super) id: u64,
    _thread: OwnedSemaphorePermit,
}

/// Why a task was not admitted.
pub(super) enum Refusal {
    /// The worker takes no more tasks.
    Closed,
    /// All threads were busy for [`QUEUE_DEADLINE`].
    Busy,
}

impl Admission {
    pub(super) fn new(module: Arc<Module>, threads: usize) -> Self {
        Self {
            module,
            threads: Arc::new(Semaphore::new(threads)),
            next_id: AtomicU64::new(1),
            end: OnceLock::new(),
        }
    }

    pub(super) fn module(&self) -> &Module {
        &self.module
    }

    /// Waits for a thread.
    pub(super) async fn enter(&self) -> Result<ThreadPermit, Refusal> {
        match timeout(QUEUE_DEADLINE, Arc::clone(&self.threads).acquire_owned()).await {
            Ok(Ok(thread)) => {
                let id = self.next_id.fetch_add(1, Ordering::Relaxed);
                Ok(ThreadPermit { id, _thread: thread })
            }
            Ok(Err(_)) => Err(Refusal::Closed),
            Err(_) => Err(Refusal::Busy),
        }
    }

    /// Whether the worker takes tasks.
    pub(super) fn is_open(&self) -> bool {
        !self.threads.is_closed()
    }

    /// Lets no more tasks in, also none of those that wait.
    pub(super) fn close(&self) {
        self.threads.close();
    }

    /// [`Admission::close`] with the reason for which the worker ended.
    pub(super) fn close_because(&self, reason: &Failure) {
        // Only the first reason counts.
        let _ = self.end.set(reason.clone());
        self.close();
    }

    /// Why the worker takes no more tasks.
    pub(super) fn end(&self) -> Failure {
        self.end.get().cloned().unwrap_or_else(|| failures::ended(&self.module))
    }
}

pub(super) const QUEUE_DEADLINE: Duration = Duration::from_secs(120);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use futures_util::FutureExt;
    use pkcs11_bridge_protocol::error_code::ErrorCode;
    use tokio::time::Instant;

    use super::*;

    fn one_thread() -> Admission {
        let module = Module {
            name: "module".parse().unwrap(),
            path: "module.so".into(),
            description: String::new(),
            env: BTreeMap::new(),
            confinement: Default::default(),
            init_args: None,
        };
        Admission::new(Arc::new(module), 1)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_waits_for_a_thread_and_not_for_ever() {
        let admission = one_thread();
        let first = admission.enter().await.ok().unwrap();
        let start = Instant::now();
        assert!(matches!(admission.enter().await, Err(Refusal::Busy)));
        assert_eq!(start.elapsed(), QUEUE_DEADLINE);
        let mut second = Box::pin(admission.enter());
        assert!(second.as_mut().now_or_never().is_none());
        let id = first.id;
        drop(first);
        assert_ne!(second.await.ok().unwrap().id, id);
    }

    #[tokio::test]
    async fn a_closed_worker_refuses_also_those_that_wait() {
        let admission = one_thread();
        let _first = admission.enter().await.ok().unwrap();
        let mut second = Box::pin(admission.enter());
        assert!(second.as_mut().now_or_never().is_none());
        let reason = Failure::new(ErrorCode::Internal, "It crashed.");
        admission.close_because(&reason);
        assert!(!admission.is_open());
        assert!(matches!(second.await, Err(Refusal::Closed)));
        assert_eq!(admission.end(), reason);
    }
}
