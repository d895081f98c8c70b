//! The end of a worker: by itself, because nobody needs it, or because it hangs. Every way reaps it.

use std::io;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::StreamExt;
use pkcs11_bridge_protocol::failure::{Failure, Row};
use tokio::process::{Child, ChildStdout};
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio::time::timeout;

use super::calls::CallsInFlight;
use crate::lock::lock;
use crate::modules::Module;
use crate::pipe::{self, FrameReader};
use crate::supervisor::TurnLock;

/// That nobody needs a worker any more: it may log out and finalise the module.
#[derive(Default)]
pub(super) struct Stop {
    released: Notify,
    /// That it is to end in the middle of whatever it does.
    pub(super) at_once: Notify,
    /// Kept from the release until the process is gone, where no other worker was starting then.
    turn: Mutex<Option<OwnedMutexGuard<()>>>,
}

impl Stop {
    pub(super) fn release(&self, turn: &TurnLock) {
        *lock(&self.turn) = Arc::clone(turn).try_lock_owned().ok();
        self.released.notify_one();
    }
}

/// Hands out reports until the process ends or is to be ended, then reaps it.
pub(super) async fn attend(
    mut child: Child,
    mut output: FrameReader<ChildStdout>,
    calls: Arc<CallsInFlight>,
    stop: Arc<Stop>,
) {
    let pid = child.id();
    let module = calls.module();
    let end = loop {
        tokio::select! {
            frame = output.next() => match frame.map(|frame| pipe::decode(&frame?)) {
                Some(Ok(report)) => calls.complete(report),
                Some(Err(error)) => {
                    tracing::warn!(module = %module.name, pid, %error, "a worker sent no report");
                    break End::Gone;
                }
                None => break End::Gone,
            },
            // A module may have started processes that keep the pipe open.
            _ = child.wait() => {
                while let Ok(Some(Ok(frame))) = timeout(REAP_GRACE, output.next()).await {
                    let Ok(report) = pipe::decode(&frame) else { break };
                    calls.complete(report);
                }
                break End::Gone;
            }
            () = calls.overdue() => break End::Hung,
            () = stop.at_once.notified() => break End::Revoked,
            () = stop.released.notified() => break End::Released,
        }
    };
    calls.close_for_new();
    match end {
        End::Gone => {
            let reason = ended(module, &end_now(child).await);
            tracing::warn!(module = %module.name, pid, "{reason}");
            calls.close(&reason);
        }
        End::Hung => {
            tracing::warn!(module = %module.name, pid, "a worker hung and is ended");
            calls.close(&hung(module));
            let _ = end_at_once(&mut child).await;
        }
        End::Revoked => {
            calls.close(&revoked());
            let _ = end_at_once(&mut child).await;
            tracing::info!(module = %module.name, pid, "worker ended, its origin was revoked");
        }
        End::Released => {
            let turn = lock(&stop.turn).take();
            // Its input is closed by now: it logs out, finalises the module and exits. What it
            // still has to say nobody wants, and it must not wait for somebody to read it.
            drop(output);
            if timeout(END_GRACE, child.wait()).await.is_err() {
                let _ = child.start_kill();
                let _ = timeout(REAP_GRACE, child.wait()).await;
            }
            drop(turn);
            let _ = child.wait().await;
            tracing::info!(module = %module.name, pid, "worker ended");
        }
    }
}

enum End {
    /// By itself.
    Gone,
    /// A call passed its deadline.
    Hung,
    /// Nobody may use it any more.
    Revoked,
    /// Nobody needs it.
    Released,
}

/// Reaps a process whose pipe has closed. What it died of is worth a short wait.
pub(super) async fn end_now(mut child: Child) -> io::Result<ExitStatus> {
    match timeout(REAP_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => end_at_once(&mut child).await,
    }
}

async fn end_at_once(child: &mut Child) -> io::Result<ExitStatus> {
    child.start_kill()?;
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

/// What a call gets whose origin is revoked while it is carried out.
pub(crate) fn revoked() -> Failure {
    Failure::new(
        Row::OriginNotApproved,
        "The user has revoked this page's approval, so the call was given up.",
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
