//! One worker process: started, called, and ended when nobody holds it any more.

mod calls;
mod ending;

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::idle::Logins;
use super::{Errand, TurnLock};
use crate::modules::Module;
use crate::pipe::{self, Frame, Greeting, Job, Outcome};
use crate::program;
use calls::CallsInFlight;
pub(crate) use ending::revoked;
use ending::{Stop, attend, end_now, ended};

/// A worker that has loaded its module. Dropping it ends the process.
pub(crate) struct WorkerProcess {
    frames: mpsc::UnboundedSender<Frame>,
    /// As many calls as the worker has threads: what waits here does not run into a deadline that
    /// would end the worker, and is gone with its caller.
    admission: Arc<Semaphore>,
    calls: Arc<CallsInFlight>,
    next_id: AtomicU64,
    stop: Arc<Stop>,
    turn: TurnLock,
    logins: Arc<Logins>,
}

impl WorkerProcess {
    /// Starts a worker and waits until it has initialised the module. `endings` keeps the task that
    /// reaps the process.
    pub(super) async fn start(
        module: Arc<Module>,
        turn: TurnLock,
        endings: TaskTracker,
    ) -> Result<Self, ErrorObject> {
        let start = Self::start_in_turn(&module, &turn, &endings);
        // A process that is given up on is killed with its handle.
        timeout(START_DEADLINE, start).await.unwrap_or_else(|_| {
            Err(Failure::new(
                Row::DeadlinePassed,
                format!(
                    "Module `{}` did not start within {} s and was given up. Check the token and \
                     its reader, then try again.",
                    module.name,
                    START_DEADLINE.as_secs()
                ),
            )
            .into())
        })
    }

    async fn start_in_turn(
        module: &Arc<Module>,
        turn: &TurnLock,
        endings: &TaskTracker,
    ) -> Result<Self, ErrorObject> {
        let _one_at_a_time = turn.lock().await;
        let cannot_start = |error: io::Error| {
            Failure::new(
                Row::Internal,
                format!("The worker for module `{}` could not be started: {error}.", module.name),
            )
        };
        let mut child = spawn(module).map_err(cannot_start)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(cannot_start(io::Error::other("it has no pipes")).into());
        };
        let mut output = pipe::reader(output);
        let threads = match output.next().await.map(|frame| pipe::decode(&frame?)) {
            Some(Ok(Greeting::Ready { threads })) => threads,
            Some(Ok(Greeting::Failed(error))) => {
                let _ = end_now(child).await;
                let message = format!("Module `{}`: {}", module.name, error.message);
                return Err(ErrorObject { message, ..error });
            }
            Some(Err(_)) | None => return Err(ended(module, &end_now(child).await).into()),
        };
        tracing::info!(module = %module.name, pid = child.id(), "worker started");

        let admission = Arc::new(Semaphore::new(threads));
        let calls = Arc::new(CallsInFlight::new(Arc::clone(module), Arc::clone(&admission)));
        let stop = Arc::new(Stop::default());
        let (frames, queue) = mpsc::unbounded_channel();
        endings.spawn(write(input, queue));
        endings.spawn(attend(child, output, Arc::clone(&calls), Arc::clone(&stop)));
        let (next_id, turn) = (AtomicU64::new(1), Arc::clone(turn));
        Ok(Self { frames, admission, calls, next_id, stop, turn, logins: Arc::default() })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.calls.is_open()
    }

    /// Sends a call and waits for what becomes of it. The deadline counts from when the worker has
    /// a thread for it.
    pub(crate) async fn call(&self, errand: &Errand<'_>) -> Result<Outcome, Failure> {
        let Errand { call, leave, arrived } = *errand;
        let admission = Arc::clone(&self.admission).acquire_owned();
        let permit = match timeout(QUEUE_DEADLINE, admission).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(self.calls.end()),
            Err(_) => return Err(busy(self.calls.module(), call)),
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = pipe::encode(&Job { id, arrived, call, leave }).map_err(|error| {
            Failure::new(Row::Internal, format!("The call cannot be passed on: {error}."))
        })?;
        let hold = (permit, self.logins.begin(call));
        let report = self.calls.add(id, call.method(), deadline_of(call), hold)?;
        // Where nobody writes any more the worker has ended, and the report says so.
        let _ = self.frames.send(frame);
        report.await.unwrap_or_else(|_| Err(self.calls.end()))
    }

    /// The logins that it has.
    pub(super) fn logins(&self) -> &Arc<Logins> {
        &self.logins
    }

    /// Ends the process in the middle of whatever it does.
    pub(super) fn end_now(&self) {
        self.stop.at_once.notify_one();
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.logins.gone.cancel();
        self.stop.release(&self.turn);
    }
}

/// Writes frames whole, whatever becomes of those who sent them. The pipe is closed with the worker.
async fn write(mut input: ChildStdin, mut queue: mpsc::UnboundedReceiver<Frame>) {
    while let Some(frame) = queue.recv().await {
        if input.write_all(&frame).await.is_err() {
            return;
        }
    }
}

fn spawn(module: &Module) -> io::Result<Child> {
    let mut command: Command = program::this()?;
    command
        .arg("worker")
        .arg("--module")
        .arg(&module.path)
        .envs(&module.env)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    // Ctrl-C in a terminal goes to the bridge alone, which then ends its workers in order.
    #[cfg(unix)]
    command.process_group(0);
    command.spawn()
}

fn busy(module: &Module, call: &Call) -> Failure {
    Failure::new(
        Row::DeadlinePassed,
        format!(
            "Module `{}` was busy with other calls of this page for {} s, so that {} was not begun. \
             Try again.",
            module.name,
            QUEUE_DEADLINE.as_secs(),
            call.method()
        ),
    )
}

fn deadline_of(call: &Call) -> Duration {
    match call {
        Call::SignData(_) | Call::SignDataBatch(_) => SIGN_DEADLINE,
        // It waits for the signatures that are being made.
        Call::Logout(_) => SIGN_DEADLINE + READ_DEADLINE,
        _ => READ_DEADLINE,
    }
}

const START_DEADLINE: Duration = Duration::from_secs(30);
const QUEUE_DEADLINE: Duration = Duration::from_secs(120);
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// Long enough for a person at a reader's pinpad.
const SIGN_DEADLINE: Duration = Duration::from_secs(120);
