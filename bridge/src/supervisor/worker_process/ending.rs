//! The end of a worker: by itself, because nobody needs it, or because it hangs. Every way reaps it.

use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::failure::{Failure, Row};
use tokio::io::BufReader;
use tokio::process::{Child, ChildStdout};
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::timeout;

use super::calls::CallsInFlight;
use crate::modules::Module;
use crate::pipe;
use crate::supervisor::{TurnLock, lock};

/// Why a worker is to end.
#[derive(Default)]
pub(super) struct Stop {
    /// Nobody needs it any more: it may log out and finalise the module.
    released: Notify,
    /// Kept from the release until the process is gone, where no other worker was starting then.
    turn: Mutex<Option<OwnedMutexGuard<()>>>,
    /// It hangs.
    condemned: Notify,
}

impl Stop {
    pub(super) fn release(&self, turn: &TurnLock) {
        *lock(&self.turn) = Arc::clone(turn).try_lock_owned().ok();
        self.released.notify_one();
    }

    pub(super) fn condemn(&self) {
        self.condemned.notify_one();
    }
}

/// Hands out reports until the process ends or is to be ended, then reaps it.
pub(super) async fn attend(
    mut child: Child,
    mut output: BufReader<ChildStdout>,
    calls: Arc<CallsInFlight>,
    stop: Arc<Stop>,
) {
    let pid = child.id();
    let reason = loop {
        tokio::select! {
            report = pipe::read_async(&mut output) => match report {
                Ok(Some(report)) => calls.complete(report),
                Ok(None) => break ended(calls.module(), &end_now(child).await),
                Err(error) => {
                    tracing::warn!(module = %calls.module().name, pid, %error, "a worker sent no report");
                    break ended(calls.module(), &end_now(child).await);
                }
            },
            () = stop.condemned.notified() => {
                drop(kill(child).await);
                break hung(calls.module());
            }
            () = stop.released.notified() => {
                let _turn = lock(&stop.turn).take();
                // Its input is closed by now: it logs out, finalises the module and exits.
                match timeout(END_GRACE, child.wait()).await {
                    Ok(_) => tracing::info!(module = %calls.module().name, pid, "worker ended"),
                    Err(_) => drop(kill(child).await),
                }
                return;
            }
        }
    };
    tracing::warn!(module = %calls.module().name, pid, "{reason}");
    calls.close(reason);
}

/// Reaps a process whose pipe has closed. What it died of is worth a short wait.
pub(super) async fn end_now(mut child: Child) -> io::Result<ExitStatus> {
    match timeout(REAP_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => kill(child).await,
    }
}

async fn kill(mut child: Child) -> io::Result<ExitStatus> {
    child.kill().await?;
    child.wait().await
}

pub(super) fn ended(module: &Module, status: &io::Result<ExitStatus>) -> Failure {
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

fn hung(module: &Module) -> Failure {
    Failure::new(
        Row::Internal,
        format!(
            "Module `{}` was ended because another call hung in it. Try again: the next call starts \
             it afresh.",
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

/// How long a worker may take to log out and finalise its module.
const END_GRACE: Duration = Duration::from_secs(2);
const REAP_GRACE: Duration = Duration::from_millis(500);
