//! One worker process: started, called, and ended when nobody holds it any more.

mod calls;
mod ending;
mod lanes;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::process::{Child, Command};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::circuit_breaker::CircuitBreaker;
use super::idle::Logins;
use super::worker_permits::WorkerPermit;
use super::{Request, TurnLock, WorkerLimits};
use crate::ipc::frame;
use crate::ipc::message::{Greeting, Outcome};
use crate::ipc::task::{Task, TaskRequest};
use crate::modules::Module;
use crate::process::lock::lock;
use crate::process::program;
use calls::CallsInFlight;
pub(crate) use ending::revoked;
use ending::{Attended, Stop, end_at_once, end_now, ended, garbled};
use lanes::{IdleLanes, Incoming, Lanes, Output};

/// What a worker process needs around it.
pub(super) struct WorkerConfig {
    pub(super) module: Arc<Module>,
    pub(super) limits: WorkerLimits,
    pub(super) turn: TurnLock,
    /// Hears of the worker's crash or hang.
    pub(super) faults: Arc<CircuitBreaker>,
    /// Hears of what the module says of its slots.
    pub(super) slot_events: watch::Sender<()>,
    /// Keeps the task that reaps the process.
    pub(super) endings: TaskTracker,
}

/// A worker that has loaded its module. Dropping it ends the process.
pub(crate) struct WorkerProcess {
    outputs: Vec<Output>,
    lanes: Arc<IdleLanes>,
    /// Where frames are written for which there is no room at once.
    tasks: TaskTracker,
    /// As many calls as the worker has threads: what waits here does not run into a deadline that
    /// would end the worker, and is gone with its caller.
    admission: Arc<Semaphore>,
    calls: Arc<CallsInFlight>,
    limits: WorkerLimits,
    next_id: AtomicU64,
    stop: Arc<Stop>,
    turn: TurnLock,
    logins: Arc<Logins>,
    last_used: Mutex<Instant>,
    /// Cancelled when this is dropped.
    gone: CancellationToken,
}

/// What became of a call that was to be delivered.
pub(super) enum Delivery {
    Done(Outcome),
    /// The worker ended before it got the call, for that reason.
    NotSent(Failure),
}

impl WorkerProcess {
    /// Starts a worker and waits until it has initialised the module.
    pub(super) async fn start(around: WorkerConfig, place: WorkerPermit) -> Result<Self, Failure> {
        let WorkerConfig { module, limits, turn, .. } = &around;
        // Each of those before it may take its time, and nothing is wrong with the module then.
        let Ok(one_at_a_time) = timeout(QUEUE_DEADLINE, Arc::clone(turn).lock_owned()).await else {
            return Err(
                not_started(module, QUEUE_DEADLINE, "waited for other pages to start it").into()
            );
        };
        // A process that is given up on is killed with its handle.
        let Ok(started) = timeout(limits.deadlines.read, greeted(&around)).await else {
            around.faults.note(Instant::now());
            return Err(not_started(module, limits.deadlines.read, "was given up").into());
        };
        let Started { child, outputs, incoming, threads } = started?;
        drop(one_at_a_time);
        tracing::info!(module = %module.name, pid = child.id(), "worker started");

        let WorkerConfig { module, limits, turn, faults, slot_events, endings } = around;
        let admission = Arc::new(Semaphore::new(threads));
        let calls = Arc::new(CallsInFlight::new(module, Arc::clone(&admission)));
        let stop = Arc::new(Stop::default());
        let lanes = IdleLanes::new(outputs.len(), threads);
        let attended = Attended {
            child,
            incoming,
            calls: Arc::clone(&calls),
            stop: Arc::clone(&stop),
            faults,
            slot_events,
            place,
        };
        endings.spawn(attended.until_the_end());
        Ok(Self {
            outputs,
            lanes,
            tasks: endings,
            admission,
            calls,
            limits,
            next_id: AtomicU64::new(1),
            stop,
            turn,
            logins: Arc::default(),
            last_used: Mutex::new(Instant::now()),
            gone: CancellationToken::new(),
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.calls.is_open()
    }

    /// Sends a call and waits for what becomes of it. The deadline counts from when the worker has
    /// a thread for it.
    pub(super) async fn deliver(&self, request: &Request<'_>) -> Result<Delivery, Failure> {
        self.note_use();
        let Request { task, permission } = *request;
        let admission = Arc::clone(&self.admission).acquire_owned();
        let permit = match timeout(QUEUE_DEADLINE, admission).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Ok(Delivery::NotSent(self.calls.end())),
            Err(_) => return Err(busy(self.calls.module(), task)),
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = frame::encode(&TaskRequest { id, task, permission }).map_err(|error| {
            Failure::new(ErrorCode::Internal, format!("The call cannot be passed on: {error}."))
        })?;
        let Some(lane) = self.lanes.take() else { return Err(busy(self.calls.module(), task)) };
        let number = lane.number;
        let hold = (lane, permit, self.logins.begin(task));
        let Some(report) = self.calls.add(id, task, task.deadline(&self.limits.deadlines), hold)
        else {
            return Ok(Delivery::NotSent(self.calls.end()));
        };
        if let Some(output) = self.outputs.get(number) {
            output.send(frame, &self.tasks);
        }
        let outcome = report.await.unwrap_or_else(|_| Err(self.calls.end()))?;
        if let (Task::Logout { slot_id }, Outcome::Done(_)) = (task, &outcome) {
            self.logins.ended(*slot_id);
        }
        self.note_use();
        Ok(Delivery::Done(outcome))
    }

    /// [`WorkerProcess::deliver`] for a call that goes to no other worker.
    pub(crate) async fn execute(&self, request: &Request<'_>) -> Result<Outcome, Failure> {
        match self.deliver(request).await? {
            Delivery::Done(outcome) => Ok(outcome),
            Delivery::NotSent(failure) => Err(failure),
        }
    }

    /// The logins that it has.
    pub(super) fn logins(&self) -> &Arc<Logins> {
        &self.logins
    }

    /// Cancelled when the worker is let go of.
    pub(super) fn gone(&self) -> &CancellationToken {
        &self.gone
    }

    /// How long ago it was called last; `None` where it may be logged in.
    pub(super) fn unused_for(&self) -> Option<Duration> {
        self.logins.are_none().then(|| lock(&self.last_used).elapsed())
    }

    fn note_use(&self) {
        *lock(&self.last_used) = Instant::now();
    }

    /// Ends the process in the middle of whatever it does.
    pub(super) fn end_now(&self) {
        self.stop.at_once.cancel();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.gone.cancel();
        self.stop.release(&self.turn);
    }
}

/// A process that has greeted.
struct Started {
    child: Child,
    outputs: Vec<Output>,
    incoming: Incoming,
    threads: usize,
}

/// Starts the process and waits for its greeting.
async fn greeted(around: &WorkerConfig) -> Result<Started, Failure> {
    let WorkerConfig { module, faults, .. } = around;
    let cannot_start = |error: io::Error| {
        Failure::new(
            ErrorCode::Internal,
            format!("The worker for module `{}` could not be started: {error}.", module.name),
        )
    };
    let (mut child, mut lanes) = spawn(module, faults).map_err(cannot_start)?;
    let failure = match lanes.greeting().await.map(|frame| frame::decode(&frame?)) {
        Some(Ok(Greeting::Ready { threads })) => {
            let (outputs, incoming) = lanes.split(threads);
            return Ok(Started { child, outputs, incoming, threads });
        }
        Some(Ok(Greeting::Failed(error))) => {
            let _ = end_now(&mut child).await;
            let message = format!("Module `{}`: {}", module.name, error.message);
            return Err(Failure { message, ..error });
        }
        Some(Err(_)) => {
            let _ = end_at_once(&mut child).await;
            faults.note(Instant::now());
            garbled(module, faults)
        }
        None => {
            let status = end_now(&mut child).await;
            faults.note(Instant::now());
            ended(module, &status, faults)
        }
    };
    Err(failure.into())
}

fn spawn(module: &Module, faults: &CircuitBreaker) -> io::Result<(Child, Lanes)> {
    let mut command: Command = program::this()?;
    command
        .arg("worker")
        .arg("--module")
        .arg(&module.path)
        .arg("--bridge")
        .arg(std::process::id().to_string())
        .args((!faults.may_wait()).then_some("--no-slot-events"))
        .envs(&module.env)
        .kill_on_drop(true);
    // Ctrl-C in a terminal goes to the bridge alone, which then ends its workers in order.
    #[cfg(unix)]
    command.process_group(0);
    lanes::spawn(&mut command)
}

fn busy(module: &Module, task: &Task) -> Failure {
    Failure::new(
        ErrorCode::DeadlinePassed,
        format!(
            "Module `{}` was busy with other calls of this page for {} s, so that {} was not begun. \
             Try again.",
            module.name,
            QUEUE_DEADLINE.as_secs(),
            task.name()
        ),
    )
}

fn not_started(module: &Module, limit: Duration, what: &str) -> Failure {
    Failure::new(
        ErrorCode::DeadlinePassed,
        format!(
            "Module `{}` did not start within {} s and {what}. Check the token and its reader, then try \
             again.",
            module.name,
            limit.as_secs()
        ),
    )
}

const QUEUE_DEADLINE: Duration = Duration::from_secs(120);
