//! The calls that are in flight on a worker. Each is answered once: by its report, or by what ended the
//! worker.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;

use super::lanes::BusyLane;
use crate::ipc::message::{Outcome, Response};
use crate::ipc::task::Task;
use crate::modules::Module;
use crate::process::lock::lock;
use crate::supervisor::idle::InUse;

/// Who waits for which report. Once the worker has ended nobody can be added.
pub(super) struct CallsInFlight {
    module: Arc<Module>,
    admission: Arc<Semaphore>,
    waiting: Mutex<HashMap<u64, Waiting>>,
    /// When the next look is at what is overdue; none while nothing waits.
    next_look: Mutex<Option<Instant>>,
    look_earlier: Notify,
    open: AtomicBool,
    /// Whether the slots were looked at: then the module may be waiting for slot events, too.
    looked: AtomicBool,
    /// Why the process ended, once it is known.
    end: Mutex<Option<Failure>>,
}

/// A call that the worker has. It keeps its place until its report comes, even where its caller has
/// gone, because the worker is still busy with it.
struct Waiting {
    method: &'static str,
    answer: oneshot::Sender<Result<Outcome, Failure>>,
    since: Instant,
    limit: Duration,
    deadline: Instant,
    hold: Hold,
}

impl Waiting {
    /// When it is given up at the latest, where `other` is given more time. A call may have to wait for such
    /// a one, as where a person enters a PIN at the reader and the module lets nobody else in meanwhile; but
    /// one that hangs beside signatures that are made all the time has an end, too.
    fn latest(&self, other: &Self) -> Instant {
        self.since + self.limit + other.limit
    }

    /// The time that `other` took, which has its report now, does not count.
    fn make_up_for(&mut self, other: &Self) {
        if other.limit > self.limit {
            let lost = self.since.max(other.since).elapsed();
            self.deadline = self.deadline.max((self.deadline + lost).min(self.latest(other)));
        }
    }
}

/// What a call holds until the worker is done with it: its lane, its place, and the login. The lane is free
/// before another call is let in.
pub(super) type Hold = (BusyLane, OwnedSemaphorePermit, Option<InUse>);

pub(super) type Answer = oneshot::Receiver<Result<Outcome, Failure>>;

impl CallsInFlight {
    pub(super) fn new(module: Arc<Module>, admission: Arc<Semaphore>) -> Self {
        Self {
            module,
            admission,
            waiting: Mutex::default(),
            next_look: Mutex::default(),
            look_earlier: Notify::new(),
            open: AtomicBool::new(true),
            looked: AtomicBool::new(false),
            end: Mutex::default(),
        }
    }

    pub(super) fn module(&self) -> &Arc<Module> {
        &self.module
    }

    /// Whether calls can be added.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// From now on the next call starts another worker.
    pub(super) fn close_for_new(&self) {
        self.open.store(false, Ordering::Release);
    }

    pub(super) fn have_looked(&self) -> bool {
        self.looked.load(Ordering::Relaxed)
    }

    /// Notes a call that is about to be sent; `None` where the worker takes none any more.
    pub(super) fn add(&self, id: u64, task: &Task, limit: Duration, hold: Hold) -> Option<Answer> {
        let (answer, receiver) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if !self.is_open() {
            return None;
        }
        if matches!(task, Task::SnapshotTokens) {
            self.looked.store(true, Ordering::Relaxed);
        }
        let since = Instant::now();
        let deadline = since + limit;
        waiting.insert(id, Waiting { method: task.name(), answer, since, limit, deadline, hold });
        // A look that is too early costs less than a timer that is set anew for each call.
        if lock(&self.next_look).is_none_or(|look| deadline < look) {
            self.look_earlier.notify_one();
        }
        Some(receiver)
    }

    pub(super) fn complete(&self, report: Response) {
        let done = {
            let mut waiting = lock(&self.waiting);
            let done = waiting.remove(&report.id);
            if let Some(done) = &done {
                waiting.values_mut().for_each(|call| call.make_up_for(done));
            }
            done
        };
        if let Some(mut done) = done {
            if let (_, _, Some(in_use)) = &mut done.hold {
                in_use.note(&report.outcome);
            }
            // The caller may have gone: then nobody wants the report.
            let _ = done.answer.send(Ok(report.outcome));
        }
    }

    /// Returns when a call has passed its deadline, after it was told so: the name of its method.
    pub(super) async fn overdue(&self) -> &'static str {
        loop {
            let next = {
                let waiting = lock(&self.waiting);
                let next = first_due(&waiting).map(|(_, due)| due);
                *lock(&self.next_look) = next;
                next
            };
            let Some(look) = next else {
                self.look_earlier.notified().await;
                continue;
            };
            tokio::select! {
                () = tokio::time::sleep_until(look) => {
                    if let Some(method) = self.fail_overdue() {
                        return method;
                    }
                }
                () = self.look_earlier.notified() => {}
            }
        }
    }

    fn fail_overdue(&self) -> Option<&'static str> {
        let mut waiting = lock(&self.waiting);
        let (id, _) = first_due(&waiting).filter(|(_, due)| *due <= Instant::now())?;
        let call = waiting.remove(&id)?;
        let message = format!(
            "Module `{}` did not answer {} within {} s and was ended. Check the token and its reader, \
             then try again.",
            self.module.name,
            call.method,
            call.limit.as_secs()
        );
        let _ = call.answer.send(Err(Failure::new(ErrorCode::DeadlinePassed, message)));
        Some(call.method)
    }

    /// Fails every call that waits.
    pub(super) fn close(&self, reason: &Failure) {
        *lock(&self.end) = Some(reason.clone());
        self.close_for_new();
        self.admission.close();
        for (_, waiting) in lock(&self.waiting).drain() {
            let _ = waiting.answer.send(Err(reason.clone()));
        }
    }

    pub(super) fn end(&self) -> Failure {
        lock(&self.end).clone().unwrap_or_else(|| {
            Failure::new(
                ErrorCode::Internal,
                format!("The worker of module `{}` ended. Try again.", self.module.name),
            )
        })
    }
}

/// The call that has to be answered first, and when: not before those that it may have to wait for.
fn first_due(waiting: &HashMap<u64, Waiting>) -> Option<(u64, Instant)> {
    let due = |call: &Waiting| {
        let longer = waiting.values().filter(|other| other.limit > call.limit);
        let ends = longer.map(|other| other.deadline.min(call.latest(other)));
        ends.fold(call.deadline, Instant::max)
    };
    waiting.iter().map(|(id, call)| (*id, due(call))).min_by_key(|(_, due)| *due)
}
