//! One worker process and the calls that are in flight on it.

use std::collections::HashMap;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex as AsyncMutex, Notify, oneshot};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::lock;
use crate::modules::Module;
use crate::pipe::{self, Greeting, Job, Outcome, Report};
use crate::program;

/// A worker that has loaded its module. Dropping it ends the process.
pub(super) struct WorkerProcess {
    input: AsyncMutex<ChildStdin>,
    calls: Arc<CallsInFlight>,
    next_id: AtomicU64,
    stop: Arc<Stop>,
}

/// Why a worker is to end.
#[derive(Default)]
struct Stop {
    /// Nobody needs it any more: it may log out and finalise the module.
    released: Notify,
    /// It hangs.
    condemned: Notify,
}

/// Who waits for which report. Once the worker has ended nobody can be added.
struct CallsInFlight {
    module: Arc<Module>,
    waiting: Mutex<HashMap<u64, oneshot::Sender<Outcome>>>,
    alive: AtomicBool,
    /// Why the process ended, once it is known.
    end: Mutex<Option<Failure>>,
}

impl WorkerProcess {
    /// Starts a worker and waits until it has initialised the module. `endings` keeps the task that
    /// reaps the process.
    pub(super) async fn start(
        module: &Arc<Module>,
        endings: &TaskTracker,
    ) -> Result<Self, ErrorObject> {
        let cannot_start = |error: io::Error| {
            Failure::new(
                Row::Internal,
                format!("The worker for module `{}` could not be started: {error}.", module.name),
            )
        };
        let mut child =
            command(module).and_then(|mut command| command.spawn()).map_err(cannot_start)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(cannot_start(io::Error::other("it has no pipes")).into());
        };
        let mut output = BufReader::with_capacity(READ_BUFFER, output);

        let greeting = match timeout(START_DEADLINE, pipe::read_async(&mut output)).await {
            Ok(greeting) => greeting,
            Err(_) => {
                let _ = child.kill().await;
                return Err(Failure::new(
                    Row::DeadlinePassed,
                    format!(
                        "Module `{}` did not start within {} s and was ended. Check the token and \
                         its reader, then try again.",
                        module.name,
                        START_DEADLINE.as_secs()
                    ),
                )
                .into());
            }
        };
        match greeting {
            Ok(Some(Greeting::Ready)) => {}
            Ok(Some(Greeting::Failed(error))) => {
                let _ = end_now(child).await;
                let message = format!("Module `{}`: {}", module.name, error.message);
                return Err(ErrorObject { message, ..error });
            }
            Ok(None) | Err(_) => {
                return Err(ended(module, &end_now(child).await).into());
            }
        }
        tracing::info!(module = %module.name, pid = child.id(), "worker started");

        let calls = Arc::new(CallsInFlight {
            module: Arc::clone(module),
            waiting: Mutex::default(),
            alive: AtomicBool::new(true),
            end: Mutex::default(),
        });
        let stop = Arc::new(Stop::default());
        endings.spawn(attend(child, output, Arc::clone(&calls), Arc::clone(&stop)));
        Ok(Self { input: AsyncMutex::new(input), calls, next_id: AtomicU64::new(1), stop })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.calls.alive.load(Ordering::Acquire)
    }

    /// Sends a call and waits for its report, up to the call's deadline.
    pub(super) async fn call(&self, call: &Call) -> Result<Outcome, Failure> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = pipe::encode(&Job { id, call }).map_err(|error| {
            Failure::new(Row::Internal, format!("The call cannot be passed on: {error}."))
        })?;
        let mut waiting = self.calls.wait_for(id)?;

        let deadline = deadline_of(call);
        let report = timeout(deadline, async {
            if let Err(error) = self.input.lock().await.write_all(&frame).await {
                // The reader learns of the end too and says why.
                tracing::debug!(module = %self.calls.module.name, %error, "a worker does not read");
            }
            (&mut waiting.report).await
        });
        match report.await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(self.calls.end()),
            Err(_) => {
                self.calls.alive.store(false, Ordering::Release);
                self.stop.condemned.notify_one();
                Err(Failure::new(
                    Row::DeadlinePassed,
                    format!(
                        "Module `{}` did not answer {} within {} s and was ended. Check the token \
                         and its reader, then try again.",
                        self.calls.module.name,
                        call.method(),
                        deadline.as_secs()
                    ),
                ))
            }
        }
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        self.stop.released.notify_one();
    }
}

impl CallsInFlight {
    fn wait_for(self: &Arc<Self>, id: u64) -> Result<Waiting, Failure> {
        let (sender, report) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        if !self.alive.load(Ordering::Acquire) {
            return Err(self.end());
        }
        waiting.insert(id, sender);
        Ok(Waiting { id, report, calls: Arc::clone(self) })
    }

    fn complete(&self, report: Report) {
        match lock(&self.waiting).remove(&report.id) {
            // The caller may have gone in this instant: then nobody wants the report.
            Some(sender) => drop(sender.send(report.outcome)),
            None => {
                tracing::debug!(module = %self.module.name, "dropped the report of a call that was given up")
            }
        }
    }

    /// Fails every call that waits.
    fn close(&self, reason: Failure) {
        *lock(&self.end) = Some(reason);
        let mut waiting = lock(&self.waiting);
        self.alive.store(false, Ordering::Release);
        waiting.clear();
    }

    fn end(&self) -> Failure {
        lock(&self.end).clone().unwrap_or_else(|| {
            Failure::new(
                Row::Internal,
                format!("The worker of module `{}` ended. Try again.", self.module.name),
            )
        })
    }
}

/// A place among the waiting, given up when dropped.
struct Waiting {
    id: u64,
    report: oneshot::Receiver<Outcome>,
    calls: Arc<CallsInFlight>,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        lock(&self.calls.waiting).remove(&self.id);
    }
}

/// Hands out reports until the process ends or is to be ended, then reaps it.
async fn attend(
    mut child: Child,
    mut output: BufReader<ChildStdout>,
    calls: Arc<CallsInFlight>,
    stop: Arc<Stop>,
) {
    let pid = child.id();
    let how = loop {
        tokio::select! {
            report = pipe::read_async(&mut output) => match report {
                Ok(Some(report)) => calls.complete(report),
                Ok(None) => break end_now(child).await,
                Err(error) => {
                    tracing::warn!(module = %calls.module.name, pid, %error, "a worker sent no report");
                    break end_now(child).await;
                }
            },
            () = stop.condemned.notified() => break kill(child).await,
            () = stop.released.notified() => {
                // Its input is closed by now: it logs out, finalises the module and exits.
                match timeout(END_GRACE, child.wait()).await {
                    Ok(_) => tracing::info!(module = %calls.module.name, pid, "worker ended"),
                    Err(_) => drop(kill(child).await),
                }
                return;
            }
        }
    };
    let reason = ended(&calls.module, &how);
    tracing::warn!(module = %calls.module.name, pid, "{reason}");
    calls.close(reason);
}

/// Reaps a process whose pipe has closed. What it died of is worth a short wait.
async fn end_now(mut child: Child) -> io::Result<ExitStatus> {
    match timeout(REAP_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => kill(child).await,
    }
}

async fn kill(mut child: Child) -> io::Result<ExitStatus> {
    child.kill().await?;
    child.wait().await
}

fn ended(module: &Module, status: &io::Result<ExitStatus>) -> Failure {
    let how = match status {
        Ok(status) => describe(*status),
        Err(error) => format!("could not be reaped ({error})"),
    };
    Failure::new(
        Row::Internal,
        format!(
            "Module `{}` {how}. Nothing else was harmed; the next call starts it afresh.",
            module.name
        ),
    )
}

#[cfg(unix)]
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("crashed (signal {signal})"),
        (None, Some(code)) => format!("ended its process (exit status {code})"),
        (None, None) => "ended its process".to_owned(),
    }
}

#[cfg(not(unix))]
fn describe(status: ExitStatus) -> String {
    format!("ended its process ({status})")
}

fn command(module: &Module) -> io::Result<Command> {
    let mut command = program::this()?;
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
    Ok(command)
}

fn deadline_of(call: &Call) -> Duration {
    match call {
        Call::SignData(_) => SIGN_DEADLINE,
        _ => READ_DEADLINE,
    }
}

const START_DEADLINE: Duration = Duration::from_secs(30);
const READ_DEADLINE: Duration = Duration::from_secs(30);
/// Long enough for a person at a reader's pinpad.
const SIGN_DEADLINE: Duration = Duration::from_secs(120);
/// How long a worker may take to log out and finalise its module.
const END_GRACE: Duration = Duration::from_secs(2);
const REAP_GRACE: Duration = Duration::from_millis(500);
const READ_BUFFER: usize = 64 << 10;
