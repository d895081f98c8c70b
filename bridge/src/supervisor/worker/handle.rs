//! A handle of a worker: sends requests to the task that owns the process, and waits for the
//! outcomes.

use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::{mpsc, oneshot};

use super::admission::{Admission, QUEUE_DEADLINE, Refusal};
use super::command::{Command, Delivery, Effect, Execution};
use super::failures;
use crate::ipc::frame;
use crate::ipc::message::Outcome;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::{Deadlines, Task, TaskRequest};

/// A task for a worker, with the PIN that the worker may send to the token for it.
pub(crate) struct Request<'a> {
    pub(crate) task: &'a Task,
    pub(crate) permission: &'a PinPermission,
}

/// A worker that has loaded its module. The worker ends in order once all its handles are dropped.
#[derive(Clone)]
pub(crate) struct WorkerHandle {
    commands: mpsc::UnboundedSender<Command>,
    admission: Arc<Admission>,
    deadlines: Deadlines,
}

/// A handle that does not keep the worker.
pub(super) struct WeakHandle {
    commands: mpsc::WeakUnboundedSender<Command>,
    admission: Arc<Admission>,
    deadlines: Deadlines,
}

impl WorkerHandle {
    pub(super) fn new(
        commands: mpsc::UnboundedSender<Command>,
        admission: Arc<Admission>,
        deadlines: Deadlines,
    ) -> Self {
        Self { commands, admission, deadlines }
    }

    pub(super) fn downgrade(&self) -> WeakHandle {
        WeakHandle {
            commands: self.commands.downgrade(),
            admission: Arc::clone(&self.admission),
            deadlines: self.deadlines,
        }
    }

    /// Whether the worker takes requests.
    pub(crate) fn is_alive(&self) -> bool {
        self.admission.is_open()
    }

    /// Sends a request and waits for its outcome. The deadline of the task counts from the moment
    /// when the worker has a thread for it. If this fails, the worker may have begun the task.
    pub(crate) async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, Failure> {
        let Request { task, permission } = *request;
        let permit = match self.admission.enter().await {
            Ok(permit) => permit,
            Err(Refusal::Closed) => return Ok(Delivery::NotSent(self.admission.end())),
            Err(Refusal::Busy) => {
                let module = self.admission.module();
                let busy = failures::busy(module, task.name(), QUEUE_DEADLINE);
                return Ok(Delivery::Refused(busy));
            }
        };
        let frame = match frame::encode(&TaskRequest { id: permit.id, task, permission }) {
            Ok(frame) => frame,
            Err(error) => return Ok(Delivery::Refused(not_encoded(&error))),
        };
        let (reply, delivery) = oneshot::channel();
        let execution = Execution {
            name: task.name(),
            frame,
            limit: task.deadline(&self.deadlines),
            effect: Effect::of(task),
            permit,
            reply,
        };
        if self.commands.send(Command::Execute(execution)).is_err() {
            return Ok(Delivery::NotSent(self.admission.end()));
        }
        delivery.await.unwrap_or_else(|_| Err(self.admission.end()))
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
            deadlines: self.deadlines,
        })
    }
}

impl Effect {
    fn of(task: &Task) -> Self {
        match task {
            Task::Logout { slot_id } => Self::LogsOut(*slot_id),
            Task::SnapshotTokens => Self::SnapshotsTokens,
            _ => task.login_slot().map_or(Self::Nothing, Self::LogsIn),
        }
    }
}

fn not_encoded(error: &std::io::Error) -> Failure {
    Failure::new(
        ErrorCode::Internal,
        format!("The bridge could not encode the call for the worker: {error}."),
    )
}
