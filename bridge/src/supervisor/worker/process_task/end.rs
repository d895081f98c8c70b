//! The end of a worker process: why it ends, and what that means for its tasks, its module and the
//! process itself.

use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::OwnedMutexGuard;
use tokio::time::timeout;

use super::ProcessTask;
use crate::ipc::frame;
use crate::supervisor::worker::command::{Command, Delivery};
use crate::supervisor::worker::failures;
use crate::supervisor::worker::login_notices::LoginNotices;
use crate::supervisor::worker::process::{Process, REAP_GRACE, kill, reap};

/// Why a worker ends.
pub(super) enum End {
    /// The process exited by itself.
    Exited,
    /// It sent an invalid message: the module wrote into the pipe.
    InvalidMessage,
    /// The task of that name passed its deadline.
    Hung(&'static str),
    /// The user revoked the origin.
    Revoked,
    /// The origin has more workers than its share, and another origin waits for one.
    MadeRoom,
    /// All handles were dropped, or nobody used the worker. The turn is held until the process is
    /// gone; `None` if another worker of the module was starting then.
    Released(Option<OwnedMutexGuard<()>>),
}

impl ProcessTask {
    /// Takes no more requests. It takes the turn at once, so a start that comes later waits for the
    /// end.
    pub(super) fn release(&self) -> End {
        self.admission.close();
        End::Released(self.config.turn.clone().try_lock_owned().ok())
    }

    pub(super) async fn finish(mut self, end: End) {
        self.notices = LoginNotices::default();
        let (module, pid) = (self.config.module.clone(), self.pid);
        let breaker = self.config.breaker.clone();
        match end {
            End::Exited => {
                let status = reap(&mut self.process.child).await;
                breaker.record_failure(std::time::Instant::now());
                let reason = failures::exited(&module, &status, &breaker);
                tracing::warn!(module = %module.name, pid, "{reason}");
                if self.slot_event_wait.may_wait() {
                    breaker.distrust_slot_events();
                }
                self.fail_all(&reason);
            }
            End::InvalidMessage => {
                breaker.record_failure(std::time::Instant::now());
                let reason = failures::invalid_message(&module, &breaker);
                tracing::warn!(module = %module.name, pid, "{reason}");
                self.fail_all(&reason);
                let _ = kill(&mut self.process.child).await;
            }
            End::Hung(task) => {
                tracing::warn!(module = %module.name, pid, task, "a worker hung and is ended");
                if self.slot_event_wait.may_wait() && breaker.trusts_slot_events() {
                    // `C_WaitForSlotEvent` alone may have kept all other calls out.
                    breaker.distrust_slot_events();
                } else {
                    breaker.record_failure(std::time::Instant::now());
                }
                self.fail_all(&failures::other_task_hung(&module, &breaker));
                let _ = kill(&mut self.process.child).await;
            }
            End::Revoked => {
                self.fail_all(&failures::revoked());
                let _ = kill(&mut self.process.child).await;
                tracing::info!(module = %module.name, pid, "worker ended, its origin was revoked");
            }
            End::MadeRoom => {
                self.fail_all(&failures::made_room(&module));
                let _ = kill(&mut self.process.child).await;
                tracing::info!(module = %module.name, pid, "worker ended, another site waits");
            }
            End::Released(turn) => self.let_finalise(turn).await,
        }
    }

    /// Fails all tasks that wait for a response or for a thread.
    fn fail_all(&mut self, reason: &Failure) {
        self.admission.close_because(reason);
        for task in self.in_flight.drain() {
            if let Some(reply) = task.kept.reply {
                let _ = reply.send(Err(reason.clone()));
            }
        }
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Execute(execution) = command {
                let _ = execution.reply.send(Ok(Delivery::NotSent(reason.clone())));
            }
        }
    }

    /// Closes the worker's input. The worker then logs out, finalises its module and exits.
    async fn let_finalise(self, turn: Option<OwnedMutexGuard<()>>) {
        let Self { config, permit, process, pid, commands, in_flight, .. } = self;
        let Process { mut child, outgoing, incoming, threads: _ } = process;
        // Nobody wants the rest of the worker's messages, and it must not wait for a reader.
        drop((commands, in_flight, outgoing, incoming));
        if timeout(END_GRACE, child.wait()).await.is_err() {
            let _ = child.start_kill();
            let _ = timeout(REAP_GRACE, child.wait()).await;
        }
        drop(turn);
        let _ = child.wait().await;
        tracing::info!(module = %config.module.name, pid, "worker ended");
        drop(permit);
    }

    /// Passes on what the worker sent before it ended. Its death is announced after that.
    pub(super) async fn receive_the_rest(&mut self) {
        while let Ok(Some(Ok(frame))) = timeout(REAP_GRACE, self.process.incoming.next()).await {
            let Ok(message) = frame::decode(&frame) else { return };
            self.receive(message);
        }
    }
}

/// How long a worker may take to log out and finalise its module.
const END_GRACE: Duration = Duration::from_secs(2);
