//! The calls that are in flight on a worker. Each is answered once: by its report, or by what ended the
//! worker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::failure::{Failure, Row};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;

use crate::modules::Module;
use crate::pipe::{Outcome, Report};
use crate::supervisor::lock;

/// Who waits for which report. Once the worker has ended nobody can be added.
pub(super) struct CallsInFlight {
    module: Arc<Module>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Outcome>>>,
    alive: AtomicBool,
    /// Why the process ended, once it is known.
    end: Mutex<Option<Failure>>,
}

impl CallsInFlight {
    pub(super) fn new(module: Arc<Module>) -> Self {
        Self {
            module,
            waiting: Mutex::default(),
            alive: AtomicBool::new(true),
            end: Mutex::default(),
        }
    }

    pub(super) fn module(&self) -> &Module {
        &self.module
    }

    /// Whether calls can be added.
    pub(super) fn is_open(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    pub(super) fn close_for_new(&self) {
        self.alive.store(false, Ordering::Release);
    }

    pub(super) fn wait_for(self: &Arc<Self>, id: u64) -> Result<Waiting, Failure> {
        let (sender, report) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if !self.is_open() {
            return Err(self.end());
        }
        waiting.insert(id, sender);
        Ok(Waiting { id, report, calls: Arc::clone(self) })
    }

    pub(super) fn complete(&self, report: Report) {
        match lock(&self.waiting).remove(&report.id) {
            // The caller may have gone in this instant: then nobody wants the report.
            Some(sender) => drop(sender.send(report.outcome)),
            None => {
                tracing::debug!(module = %self.module.name, "dropped the report of a call that was given up")
            }
        }
    }

    /// Fails every call that waits.
    pub(super) fn close(&self, reason: Failure) {
        *lock(&self.end) = Some(reason);
        let mut waiting = lock(&self.waiting);
        self.close_for_new();
        waiting.clear();
    }

    pub(super) fn end(&self) -> Failure {
        lock(&self.end).clone().unwrap_or_else(|| {
            Failure::new(
                Row::Internal,
                format!("The worker of module `{}` ended. Try again.", self.module.name),
            )
        })
    }
}

/// A place among the waiting, given up when dropped.
pub(super) struct Waiting {
    id: u64,
    report: oneshot::Receiver<Outcome>,
    calls: Arc<CallsInFlight>,
}

impl Waiting {
    /// The report; an error where the worker ended before it.
    pub(super) async fn report(&mut self) -> Result<Outcome, RecvError> {
        (&mut self.report).await
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.calls.waiting).remove(&self.id);
    }
}
