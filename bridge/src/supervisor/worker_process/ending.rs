//! The end of a worker: by itself, because nobody needs it, or because it hangs. Every way reaps it.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use tokio::process::Child;
use tokio::sync::{Notify, OwnedMutexGuard, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::calls::CallsInFlight;
use super::lanes::Incoming;
use crate::ipc::frame;
use crate::ipc::message::WorkerMessage;
use crate::modules::Module;
use crate::process::lock::lock;
use crate::supervisor::TurnLock;
use crate::supervisor::circuit_breaker::CircuitBreaker;
use crate::supervisor::worker_permits::WorkerPermit;
use crate::trace_points::{TracePoint, reached};

/// That nobody needs a worker any more: it may log out and finalise the module.
#[derive(Default)]
pub(super) struct Stop {
    released: Notify,
    /// That it is to end in the middle of whatever it does.
    pub(super) at_once: CancellationToken,
    /// Kept from the release until the process is gone, where no other worker was starting then.
    turn: Mutex<Option<OwnedMutexGuard<()>>>,
}

impl Stop {
    pub(super) fn release(&self, turn: &TurnLock) {
        *lock(&self.turn) = Arc::clone(turn).try_lock_owned().ok();
        self.released.notify_one();
    }
}

/// A worker process that was greeted, with all that hears of its end.
pub(super) struct Attended {
    pub(super) child: Child,
    pub(super) incoming: Incoming,
    pub(super) calls: Arc<CallsInFlight>,
    pub(super) stop: Arc<Stop>,
    pub(super) faults: Arc<CircuitBreaker>,
    pub(super) slot_events: watch::Sender<()>,
    /// Given back when the process is gone.
    pub(super) place: WorkerPermit,
}

enum End {
    /// By itself.
    Gone,
    /// Its module wrote into the pipe.
    Garbled,
    /// A call of that method passed its deadline.
    Hung(&'static str),
    /// Nobody may use it any more.
    Revoked,
    /// Nobody needs it.
    Released,
}

impl Attended {
    /// Hands out reports until the process ends or is to be ended, then reaps it.
    pub(super) async fn until_the_end(mut self) {
        let pid = self.child.id();
        let module = Arc::clone(self.calls.module());
        let end = self.end().await;
        let Self { mut child, incoming, calls, stop, faults, slot_events: _, place } = self;
        calls.close_for_new();
        match end {
            End::Gone => {
                let status = end_now(&mut child).await;
                faults.note(Instant::now());
                let reason = ended(&module, &status, &faults);
                tracing::warn!(module = %module.name, pid, "{reason}");
                if calls.have_looked() {
                    faults.wait_no_more();
                }
                calls.close(&reason);
            }
            End::Garbled => {
                faults.note(Instant::now());
                let reason = garbled(&module, &faults);
                tracing::warn!(module = %module.name, pid, "{reason}");
                calls.close(&reason);
                let _ = end_at_once(&mut child).await;
            }
            End::Hung(method) => {
                tracing::warn!(module = %module.name, pid, method, "a worker hung and is ended");
                if calls.have_looked() && faults.may_wait() {
                    // It may be that alone which has kept all calls out.
                    faults.wait_no_more();
                } else {
                    faults.note(Instant::now());
                }
                calls.close(&hung(&module, &faults));
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
                drop(incoming);
                if timeout(END_GRACE, child.wait()).await.is_err() {
                    let _ = child.start_kill();
                    let _ = timeout(REAP_GRACE, child.wait()).await;
                }
                drop(turn);
                let _ = child.wait().await;
                tracing::info!(module = %module.name, pid, "worker ended");
            }
        }
        drop(place);
    }

    async fn end(&mut self) -> End {
        let calls = Arc::clone(&self.calls);
        let mut overdue = pin!(calls.overdue());
        loop {
            tokio::select! {
                frame = self.incoming.next() => match frame.map(|frame| frame::decode(&frame?)) {
                    Some(Ok(told)) => self.hear(told),
                    Some(Err(error)) => {
                        tracing::warn!(%error, "a worker sent what is no report");
                        return End::Garbled;
                    }
                    None => return End::Gone,
                },
                // A module may have started processes that keep the pipe open.
                _ = self.child.wait() => {
                    while let Ok(Some(Ok(frame))) = timeout(REAP_GRACE, self.incoming.next()).await {
                        let Ok(told) = frame::decode(&frame) else { break };
                        self.hear(told);
                    }
                    return End::Gone;
                }
                method = &mut overdue => return End::Hung(method),
                () = self.stop.at_once.cancelled() => return End::Revoked,
                // Whoever has it ended at once lets go of it, too.
                () = self.stop.released.notified() => {
                    let at_once = self.stop.at_once.is_cancelled();
                    return if at_once { End::Revoked } else { End::Released };
                }
            }
        }
    }

    fn hear(&self, told: WorkerMessage) {
        match told {
            WorkerMessage::Response(report) => {
                reached(TracePoint::Heard);
                if report.outcome.says_module_lost() {
                    // The next call gets a worker that initialises the module.
                    self.calls.close_for_new();
                } else {
                    self.faults.worked();
                }
                self.calls.complete(report);
            }
            WorkerMessage::SlotEvent => {
                self.slot_events.send_replace(());
            }
        }
    }
}

/// Reaps a process whose pipe has closed. What it died of is worth a short wait.
pub(super) async fn end_now(child: &mut Child) -> io::Result<ExitStatus> {
    match timeout(REAP_GRACE, child.wait()).await {
        Ok(status) => status,
        Err(_) => end_at_once(child).await,
    }
}

pub(super) async fn end_at_once(child: &mut Child) -> io::Result<ExitStatus> {
    child.start_kill()?;
    child.wait().await
}

pub(super) fn ended(
    module: &Module,
    status: &io::Result<ExitStatus>,
    faults: &CircuitBreaker,
) -> Failure {
    let how = match status {
        Ok(status) => describe(*status),
        Err(error) => format!("could not be reaped ({error})"),
    };
    failed(module, &how, faults)
}

/// What a call gets whose worker has sent what is no report.
pub(super) fn garbled(module: &Module, faults: &CircuitBreaker) -> Failure {
    let how = "wrote into what is not its own, so that its answers cannot be read, and was ended";
    failed(module, how, faults)
}

fn hung(module: &Module, faults: &CircuitBreaker) -> Failure {
    failed(module, "was ended because another call hung in it", faults)
}

fn failed(module: &Module, how: &str, faults: &CircuitBreaker) -> Failure {
    let message = format!("Module `{}` {how}. {}", module.name, faults.what_next());
    Failure::new(ErrorCode::Internal, message)
}

/// What a call gets whose origin is revoked while it is carried out.
pub(crate) fn revoked() -> Failure {
    Failure::new(
        ErrorCode::OriginNotApproved,
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
