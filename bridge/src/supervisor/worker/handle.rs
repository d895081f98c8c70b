//! A handle of a worker: sends requests to the task that owns the process, and waits for the
//! outcomes.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::{mpsc, oneshot};

use super::admission::{Admission, QUEUE_DEADLINE, Refusal};
use super::command::{Command, Delivery, Effect, Execution, LogoutReason};
use super::failures;
use super::history::WorkerHistory;
use super::login_terms::LoginTerms;
use super::logins::Logins;
use crate::ipc::frame;
use crate::ipc::message::Outcome;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::{Deadlines, Task, TaskRequest};
use crate::process::lock::lock;
use crate::supervisor::suspicion::Suspicion;

/// A task for a worker, with the PIN that the worker may send to the token for it.
pub(crate) struct Request<'a> {
    pub(crate) task: &'a Task,
    pub(crate) permission: &'a PinPermission,
    /// For which key the task uses a login; `None` if it needs no login.
    pub(crate) login: Option<&'a LoginTerms>,
}

impl<'a> Request<'a> {
    /// A request for a task that needs no login.
    pub(crate) fn without_login(task: &'a Task) -> Self {
        Self { task, permission: &PinPermission::None, login: None }
    }
}

/// A worker that has loaded its module. The worker ends in order once all its handles are dropped.
#[derive(Clone)]
pub(crate) struct WorkerHandle {
    commands: mpsc::UnboundedSender<Command>,
    admission: Arc<Admission>,
    logins: Arc<Mutex<Logins>>,
    history: Arc<Mutex<WorkerHistory>>,
    deadlines: Deadlines,
}

/// A handle that does not keep the worker.
pub(super) struct WeakHandle {
    commands: mpsc::WeakUnboundedSender<Command>,
    admission: Arc<Admission>,
    logins: Arc<Mutex<Logins>>,
    history: Arc<Mutex<WorkerHistory>>,
    deadlines: Deadlines,
}

impl WorkerHandle {
    pub(super) fn new(
        commands: mpsc::UnboundedSender<Command>,
        admission: Arc<Admission>,
        logins: Arc<Mutex<Logins>>,
        deadlines: Deadlines,
    ) -> Self {
        let history = Arc::new(Mutex::new(WorkerHistory::new()));
        Self { commands, admission, logins, history, deadlines }
    }

    pub(super) fn downgrade(&self) -> WeakHandle {
        WeakHandle {
            commands: self.commands.downgrade(),
            admission: Arc::clone(&self.admission),
            logins: Arc::clone(&self.logins),
            history: Arc::clone(&self.history),
            deadlines: self.deadlines,
        }
    }

    /// What the worker has shown so far.
    pub(crate) fn history(&self) -> MutexGuard<'_, WorkerHistory> {
        lock(&self.history)
    }

    /// Whether a PIN has opened a login that is still open.
    pub(crate) fn has_login(&self) -> bool {
        lock(&self.logins).any_open()
    }

    /// Whether the request uses a login that is open.
    pub(crate) fn is_logged_in_for(&self, request: &Request<'_>) -> bool {
        matches!(self.permission(request), PinPermission::Login)
    }

    /// Whether a login is open in another slot than this one.
    pub(crate) fn has_login_beside(&self, slot: Option<SlotId>) -> bool {
        lock(&self.logins).any_open_beside(slot)
    }

    /// Lets no more requests in if a task with a PIN failed in a way that may last. So the next
    /// call gets a fresh worker. The task itself is not repeated.
    pub(crate) fn retire_after(&self, task: &Task, outcome: &Outcome) {
        if Suspicion::of(task, outcome) == Some(Suspicion::Error) && !self.has_login() {
            self.retire();
        }
    }

    /// Lets no more requests in. The worker ends after those that it has.
    pub(crate) fn retire(&self) {
        self.admission.close();
    }

    /// Whether the worker takes requests.
    pub(crate) fn is_alive(&self) -> bool {
        self.admission.is_open()
    }

    /// Sends a request and waits for its outcome. The deadline of the task counts from the moment
    /// when the worker has a thread for it. If this fails, the worker may have begun the task.
    pub(crate) async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, Failure> {
        self.deliver_telling(request, None).await
    }

    /// [`WorkerHandle::deliver`] for a request with a PIN. Tells `pin_accepted` once the token has
    /// accepted the PIN, which may be long before the outcome.
    pub(crate) async fn deliver_pin(
        &self,
        request: &Request<'_>,
        pin_accepted: oneshot::Sender<()>,
    ) -> Result<Delivery, Failure> {
        self.deliver_telling(request, Some(pin_accepted)).await
    }

    async fn deliver_telling(
        &self,
        request: &Request<'_>,
        pin_accepted: Option<oneshot::Sender<()>>,
    ) -> Result<Delivery, Failure> {
        let Request { task, login, .. } = *request;
        let permit = match self.admission.enter().await {
            Ok(permit) => permit,
            Err(Refusal::Closed) => return Ok(Delivery::NotSent(self.admission.end())),
            Err(Refusal::Busy) => {
                let module = self.admission.module();
                let busy = failures::busy(module, task.name(), QUEUE_DEADLINE);
                return Ok(Delivery::Refused(busy));
            }
        };
        let permission = self.permission(request);
        let frame = match frame::encode(&TaskRequest { id: permit.id, task, permission }) {
            Ok(frame) => frame,
            Err(error) => return Ok(Delivery::Refused(not_encoded(&error))),
        };
        let (reply, delivery) = oneshot::channel();
        let execution = Execution {
            name: task.name(),
            frame,
            limits: task.limits(&self.deadlines),
            reading: task.reading(),
            effect: Effect::of(task, login, permission),
            permit,
            pin_accepted,
            reply,
        };
        if self.commands.send(Command::Execute(Box::new(execution))).is_err() {
            return Ok(Delivery::NotSent(self.admission.end()));
        }
        delivery.await.unwrap_or_else(|_| Err(self.admission.end()))
    }

    /// The permission of the request. Without a PIN, the task may use the login of the worker if a
    /// PIN has opened that login for its key.
    fn permission<'a>(&self, request: &Request<'a>) -> &'a PinPermission {
        match (request.permission, request.task.login_slot(), request.login) {
            (PinPermission::None, Some(slot), Some(terms))
                if lock(&self.logins).may_use(slot, terms) =>
            {
                &PinPermission::Login
            }
            (permission, ..) => permission,
        }
    }

    /// [`WorkerHandle::deliver`] for a request that must not go to another worker.
    pub(crate) async fn execute(&self, request: &Request<'_>) -> Result<Outcome, Failure> {
        match self.deliver(request).await? {
            Delivery::Answered(outcome, _) => Ok(outcome),
            Delivery::NotSent(failure) | Delivery::Refused(failure) => Err(failure),
        }
    }

    /// Asks for how long nobody has used the worker; `None` if it is in use.
    pub(crate) fn unused_for(&self) -> oneshot::Receiver<Option<Duration>> {
        let (reply, time) = oneshot::channel();
        let _ = self.commands.send(Command::UnusedFor(reply));
        time
    }

    /// Asks how long ago the last call was; zero if a call is in flight.
    pub(crate) fn last_used(&self) -> oneshot::Receiver<Duration> {
        let (reply, time) = oneshot::channel();
        let _ = self.commands.send(Command::LastUsed(reply));
        time
    }

    /// Asks the worker to end if nobody has used it for that time. The reply says whether it ends.
    pub(crate) fn end_if_unused_for(&self, time: Duration) -> oneshot::Receiver<bool> {
        let (reply, ends) = oneshot::channel();
        let _ = self.commands.send(Command::EndIfUnusedFor(time, reply));
        ends
    }

    /// Ends all logins. `done` is dropped when that is done.
    pub(crate) fn log_out(&self, reason: LogoutReason, done: mpsc::Sender<()>) {
        let _ = self.commands.send(Command::LogOut(reason, done));
    }

    /// Ends the process in the middle of its tasks.
    pub(crate) fn end_now(&self) {
        let _ = self.commands.send(Command::EndNow);
    }

    /// Ends the process, because another origin needs its place.
    pub(crate) fn make_room(&self) {
        let _ = self.commands.send(Command::MakeRoom);
    }
}

impl WeakHandle {
    /// A handle; `None` if all handles were dropped.
    pub(super) fn upgrade(&self) -> Option<WorkerHandle> {
        Some(WorkerHandle {
            commands: self.commands.upgrade()?,
            admission: Arc::clone(&self.admission),
            logins: Arc::clone(&self.logins),
            history: Arc::clone(&self.history),
            deadlines: self.deadlines,
        })
    }
}

impl Effect {
    fn of(task: &Task, login: Option<&LoginTerms>, permission: &PinPermission) -> Self {
        match task {
            Task::Logout { slot_id } => Self::LogsOut(*slot_id),
            Task::SnapshotTokens => Self::SnapshotsTokens,
            _ => match (task.login_slot(), login) {
                (Some(slot), Some(terms)) => {
                    let was_open = matches!(permission, PinPermission::Login);
                    Self::LogsIn {
                        slot,
                        terms: terms.clone(),
                        was_open,
                        signs: matches!(task, Task::Sign(_)),
                        at_pinpad: matches!(permission, PinPermission::Pinpad { .. }),
                    }
                }
                _ => Self::Nothing,
            },
        }
    }
}

fn not_encoded(error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorCode::Internal,
        format!("The bridge could not encode the call for the worker: {error}."),
    )
}
