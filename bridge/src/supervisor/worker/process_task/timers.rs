//! What the process task does when its timer fires: it ends a worker that hangs or that nobody
//! uses, and logins that have expired.

use std::time::Duration;

use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::ProcessTask;
use super::end::End;
use crate::ipc::task::Task;
use crate::supervisor::worker::command::{Effect, LogoutReason};
use crate::supervisor::worker::failures;
use crate::supervisor::worker::handle::Request;
use crate::supervisor::worker::in_flight::Overdue;

/// Whether a page that watches the slots of a worker uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Watching {
    /// The worker does not end because it is idle.
    IsUse,
    /// The worker ends if another origin needs its place. The watch goes on with another worker.
    IsNoUse,
}

impl ProcessTask {
    pub(super) fn check_deadlines(&mut self) -> Option<End> {
        if self.slot_events_suspect_at().is_some_and(|at| at <= Instant::now()) {
            return Some(self.end_wait_for_slot_events());
        }
        let module = &self.config.module;
        while let Some(overdue) = self.in_flight.take_overdue() {
            match overdue {
                Overdue::Worker(task) => {
                    let failure = failures::deadline_passed(module, task.name, task.limit());
                    let name = task.name;
                    if let Some(reply) = task.kept.reply {
                        let _ = reply.send(Err(failure));
                    }
                    return Some(End::Hung(name));
                }
                Overdue::Caller(task) => {
                    let failure = failures::reading_goes_on(module, task.name, task.caller_limit());
                    tracing::info!(module = %module.name, task = task.name, "a read takes long");
                    if let Some(reply) = task.kept.reply.take() {
                        let _ = reply.send(Err(failure));
                    }
                }
            }
        }
        let expired = self.logins().take_expired();
        for slot in expired {
            self.log_out(Some(slot), LogoutReason::Expired, None);
        }
        self.show_logins();
        let (now, limit) = (Instant::now(), self.config.limits.idle);
        if self.next_idle_check <= now {
            match self.unused_for(now, Watching::IsUse) {
                Some(unused) if unused >= limit => {
                    let module = &self.config.module.name;
                    tracing::info!(%module, "a worker was not used for a while");
                    return Some(self.release());
                }
                Some(unused) => self.next_idle_check = now + (limit - unused),
                None => self.next_idle_check = now + limit,
            }
        }
        let others = [
            self.in_flight.next_deadline(),
            self.slot_events_suspect_at().filter(|at| *at > now),
            self.logins().next_expiry(),
        ];
        self.wake_at = others.into_iter().flatten().fold(self.next_idle_check, Instant::min);
        None
    }

    /// Ends a worker whose module answers no call while it waits in `C_WaitForSlotEvent`.
    fn end_wait_for_slot_events(&mut self) -> End {
        let mut name = Task::SnapshotTokens.name();
        while let Some(task) = self.in_flight.take_caller_at_limit() {
            name = task.name;
            let failure = failures::deadline_passed(&self.config.module, name, task.caller_limit());
            if let Some(reply) = task.kept.reply {
                let _ = reply.send(Err(failure));
            }
        }
        End::Hung(name)
    }

    /// When a read has waited so long that `C_WaitForSlotEvent` must keep all other calls out. A
    /// signature behind it waits in vain too, but one at the pinpad may take its time.
    fn slot_events_suspect_at(&self) -> Option<Instant> {
        let at_pinpad = self
            .in_flight
            .iter()
            .any(|task| matches!(task.kept.effect, Effect::LogsIn { at_pinpad: true, .. }));
        let is_suspect = self.slot_event_wait.is_suspect()
            && self.config.breaker.trusts_slot_events()
            && !at_pinpad;
        is_suspect.then(|| self.in_flight.first_limit()).flatten()
    }

    /// Logs out of a slot or of all, by a request like any other. This request holds a handle, so
    /// the worker counts as used.
    pub(super) fn log_out(
        &self,
        slot_id: Option<SlotId>,
        reason: LogoutReason,
        done: Option<mpsc::Sender<()>>,
    ) {
        let Some(worker) = self.handle.upgrade() else { return };
        let origin = self.config.origin.clone();
        self.config.tasks.spawn(async move {
            let task = Task::Logout { slot_id };
            if worker.execute(&Request::without_login(&task)).await.is_ok() {
                tracing::info!(%origin, slot = slot_id.map(|slot| slot.0), "{}", reason.text());
            }
            drop(done);
        });
    }

    /// For how long nobody has used the worker. `None` if it may be logged in, or if a page watches
    /// its slots. `None` as well if not only the session holds a handle: the other holder is about
    /// to send a request, or waits for an outcome.
    pub(super) fn unused_for(&self, now: Instant, watching: Watching) -> Option<Duration> {
        let is_watched = || self.config.slot_events.receiver_count() > 0;
        let is_unused = self.commands.sender_strong_count() == 1
            && self.logins().is_empty()
            && (watching == Watching::IsNoUse || (self.in_flight.is_empty() && !is_watched()));
        is_unused.then(|| now - self.last_used)
    }
}
