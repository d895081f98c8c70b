//! One worker process: started, called, and ended when nobody holds it any more.

mod calls;
mod ending;

use std::io;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, Command};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::TurnLock;
use crate::modules::Module;
use crate::pipe::{self, Greeting, Job, Outcome};
use crate::program;
use calls::CallsInFlight;
use ending::{Stop, attend, end_now, ended};

/// A worker that has loaded its module. Dropping it ends the process.
pub(super) struct WorkerProcess {
    input: AsyncMutex<ChildStdin>,
    calls: Arc<CallsInFlight>,
    next_id: AtomicU64,
    stop: Arc<Stop>,
    turn: TurnLock,
}

impl WorkerProcess {
    /// Starts a worker and waits until it has initialised the module. `endings` keeps the task that
    /// reaps the process.
    pub(super) async fn start(
        module: &Arc<Module>,
        turn: TurnLock,
        endings: &TaskTracker,
    ) -> Result<Self, ErrorObject> {
        let _one_at_a_time = Arc::clone(&turn).lock_owned().await;
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

        let calls = Arc::new(CallsInFlight::new(Arc::clone(module)));
        let stop = Arc::new(Stop::default());
        endings.spawn(attend(child, output, Arc::clone(&calls), Arc::clone(&stop)));
        let (input, next_id) = (AsyncMutex::new(input), AtomicU64::new(1));
        Ok(Self { input, calls, next_id, stop, turn })
    }

    pub(super) fn is_alive(&self) -> bool {
        self.calls.is_open()
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
                tracing::debug!(module = %self.calls.module().name, %error, "a worker does not read");
            }
            waiting.report().await
        });
        match report.await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err(self.calls.end()),
            Err(_) => {
                self.calls.close_for_new();
                self.stop.condemn();
                Err(Failure::new(
                    Row::DeadlinePassed,
                    format!(
                        "Module `{}` did not answer {} within {} s and was ended. Check the token \
                         and its reader, then try again.",
                        self.calls.module().name,
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
        self.stop.release(&self.turn);
    }
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
const READ_BUFFER: usize = 64 << 10;
