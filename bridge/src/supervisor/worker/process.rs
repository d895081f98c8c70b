//! The worker process as the operating system sees it: spawned, greeted, killed and reaped.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::failure::Failure;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::channels::{self, Channels, Incoming, Outgoing};
use super::failures;
use crate::confinement::{Confinement, Enforcement};
use crate::ipc::frame;
use crate::ipc::message::Greeting;
use crate::modules::Module;
use crate::process::program;
use crate::supervisor::circuit_breaker::CircuitBreaker;
use crate::worker::INIT_ARGS;

/// A process that has greeted: it has initialised its module.
pub(super) struct Process {
    pub(super) child: Child,
    pub(super) outgoing: Outgoing,
    pub(super) incoming: Incoming,
    pub(super) threads: usize,
}

impl Process {
    /// Starts a process and waits for its greeting. Dropping the future kills the process.
    pub(super) async fn start(
        module: &Module,
        protected: &[PathBuf],
        breaker: &CircuitBreaker,
    ) -> Result<Self, Failure> {
        let (mut child, mut channels) = spawn(module, protected, breaker)
            .map_err(|error| failures::not_spawned(module, &error))?;
        match channels.greeting().await.map(|frame| frame::decode(&frame?)) {
            Some(Ok(Greeting::Ready { threads })) => {
                breaker.record_start(true);
                let (outgoing, incoming) = channels.split(threads);
                Ok(Self { child, outgoing, incoming, threads })
            }
            Some(Ok(Greeting::Failed(failure))) => {
                breaker.record_start(false);
                let _ = reap(&mut child).await;
                let message = format!("Module `{}`: {}", module.name, failure.message);
                Err(Failure { message, ..failure })
            }
            Some(Err(_)) => {
                let _ = kill(&mut child).await;
                breaker.record_failure(Instant::now());
                Err(failures::invalid_message(module, breaker))
            }
            None => {
                let status = reap(&mut child).await;
                breaker.record_failure(Instant::now());
                Err(failures::exited(module, &status, breaker))
            }
        }
    }
}

fn spawn(
    module: &Module,
    protected: &[PathBuf],
    breaker: &CircuitBreaker,
) -> io::Result<(Child, Channels)> {
    let Confinement { landlock, seccomp } = module.confinement;
    let mut command: Command = program::this()?;
    command
        .arg("worker")
        .arg("--module")
        .arg(&module.path)
        .arg("--bridge")
        .arg(std::process::id().to_string())
        .args((!breaker.trusts_slot_events()).then_some("--no-slot-events"))
        .args(protected.iter().flat_map(|path| ["--protect".as_ref(), path.as_os_str()]))
        .args((landlock == Enforcement::Off).then_some("--no-landlock"))
        .args((seccomp == Enforcement::Off).then_some("--no-seccomp"))
        .envs(&module.env)
        .kill_on_drop(true);
    match &module.init_args {
        Some(args) => command.env(INIT_ARGS, args),
        None => command.env_remove(INIT_ARGS),
    };
    // Ctrl-C in a terminal goes to the bridge alone, which then ends its workers in order.
    #[cfg(unix)]
    command.process_group(0);
    channels::spawn(&mut command)
}

/// Reaps a process whose pipe has closed. A short wait tells the cause of its death.
pub(super) async fn reap(child: &mut Child) -> io::Result<ExitStatus> {
    match timeout(REAP_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => kill(child).await,
    }
}

/// Kills a process and reaps it.
pub(super) async fn kill(child: &mut Child) -> io::Result<ExitStatus> {
    child.start_kill()?;
    child.wait().await
}

/// How long the bridge waits for a process that should have ended.
pub(super) const REAP_GRACE: Duration = Duration::from_millis(500);
