//! The task that owns a worker process: the child, its channels, the tasks in flight, the logins
//! and all timers. It lives as long as the process, and always reaps it.

mod end;
mod slot_event_wait;
mod timers;

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::admission::{Admission, ThreadPermit};
use super::command::{Command, Delivery, Effect, Execution};
use super::config::{WorkerConfig, WorkerPermit};
use super::failures;
use super::handle::WeakHandle;
use super::in_flight::InFlight;
use super::late_results::LateResults;
use super::login_notices::LoginNotices;
use super::logins::Logins;
use super::process::Process;
use crate::ipc::frame;
use crate::ipc::message::{Outcome, Response, WorkerMessage};
use crate::ipc::pin::PinUse;
use crate::process::lock::lock;
use crate::trace_points::{TracePoint, reached};
use end::End;
use slot_event_wait::SlotEventWait;
use timers::Watching;

pub(super) struct ProcessTask {
    config: WorkerConfig,
    /// Returned when the process is gone.
    permit: WorkerPermit,
    process: Process,
    pid: Option<u32>,
    /// From the handles; they end the worker by being dropped.
    commands: UnboundedReceiver<Command>,
    handle: WeakHandle,
    admission: Arc<Admission>,
    in_flight: InFlight<Kept>,
    logins: Arc<Mutex<Logins>>,
    notices: LoginNotices,
    late_results: LateResults,
    slot_event_wait: SlotEventWait,
    last_used: Instant,
    /// When to look whether the worker is still used.
    next_idle_check: Instant,
    /// When to look at all deadlines. Looking too early costs less than setting a timer anew for
    /// each task.
    wake_at: Instant,
}

/// What the process task keeps with each task in flight.
struct Kept {
    channel: usize,
    effect: Effect,
    permit: ThreadPermit,
    pin_accepted: Option<oneshot::Sender<()>>,
    /// What the task reads, if it only reads, and if later calls may have it.
    reading: Option<String>,
    /// `None` if the caller has waited long enough.
    reply: Option<Reply>,
}

type Reply = oneshot::Sender<Result<Delivery, Failure>>;

impl ProcessTask {
    pub(super) fn new(
        config: WorkerConfig,
        permit: WorkerPermit,
        process: Process,
        commands: UnboundedReceiver<Command>,
        handle: WeakHandle,
        admission: Arc<Admission>,
        logins: Arc<Mutex<Logins>>,
    ) -> Self {
        let now = Instant::now();
        let next_idle_check = now + config.limits.idle;
        Self {
            in_flight: InFlight::with_capacity(process.threads),
            logins,
            notices: LoginNotices::default(),
            config,
            permit,
            pid: process.child.id(),
            process,
            commands,
            handle,
            admission,
            late_results: LateResults::default(),
            slot_event_wait: SlotEventWait::default(),
            last_used: now,
            next_idle_check,
            wake_at: next_idle_check,
        }
    }

    /// Runs the worker until it ends, then reaps it.
    pub(super) async fn run(mut self) {
        let end = self.serve().await;
        self.finish(end).await;
    }

    /// Executes commands and passes responses on until the worker is to end.
    async fn serve(&mut self) -> End {
        let mut timer = pin!(sleep_until(self.wake_at));
        loop {
            tokio::select! {
                command = self.commands.recv() => {
                    let Some(command) = command else { return self.release() };
                    if let Some(end) = self.handle(command) {
                        return end;
                    }
                }
                frame = self.process.incoming.next() => {
                    match frame.map(|frame| frame::decode(&frame?)) {
                        Some(Ok(message)) => self.receive(message),
                        Some(Err(error)) => {
                            tracing::warn!(%error, "a worker sent an invalid message");
                            return End::InvalidMessage;
                        }
                        None => return End::Exited,
                    }
                }
                // The pipe may stay open: the module may have started processes that inherited it.
                _ = self.process.child.wait() => {
                    self.receive_the_rest().await;
                    return End::Exited;
                }
                () = &mut timer => {
                    if let Some(end) = self.check_deadlines() {
                        return end;
                    }
                }
            }
            if timer.deadline() != self.wake_at {
                timer.as_mut().reset(self.wake_at);
            }
        }
    }

    fn handle(&mut self, command: Command) -> Option<End> {
        match command {
            Command::Execute(execution) => self.execute(*execution),
            Command::UnusedFor(reply) => {
                let _ = reply.send(self.unused_for(Instant::now(), Watching::IsNoUse));
            }
            Command::LastUsed(reply) => {
                let idle = self.in_flight.is_empty().then(|| self.last_used.elapsed());
                let _ = reply.send(idle.unwrap_or_default());
            }
            Command::EndIfUnusedFor(time, reply) => {
                let unused = self.unused_for(Instant::now(), Watching::IsNoUse);
                let end = unused.filter(|unused| *unused >= time).map(|_| self.release());
                let _ = reply.send(end.is_some());
                return end;
            }
            Command::LogOut(reason, done) => {
                if !self.logins().is_empty() {
                    self.logins().close(None);
                    self.show_logins();
                    self.log_out(None, reason, Some(done));
                }
            }
            Command::EndNow => return Some(End::Revoked),
            Command::MakeRoom => return Some(End::MadeRoom),
        }
        None
    }

    fn execute(&mut self, execution: Execution) {
        let Execution { name, frame, limits, reading, effect, permit, pin_accepted, reply } =
            execution;
        // The caller has gone, and the worker knows nothing of the task yet.
        if reply.is_closed() {
            return;
        }
        if !self.admission.is_open() {
            let _ = reply.send(Ok(Delivery::NotSent(self.admission.end())));
            return;
        }
        let Some(reply) = self.answer_with_earlier_read(reading.as_deref(), reply) else { return };
        let Some(channel) = self.process.outgoing.take_idle() else {
            // A permit stands for an idle thread, so this cannot happen.
            let busy = failures::busy(&self.config.module, name, Duration::ZERO);
            let _ = reply.send(Ok(Delivery::Refused(busy)));
            return;
        };
        match &effect {
            Effect::LogsIn { slot, .. } => self.logins().begin(*slot),
            Effect::SnapshotsTokens => self.slot_event_wait.may_begin(),
            Effect::LogsOut(_) | Effect::Nothing => {}
        }
        self.last_used = Instant::now();
        let (id, reply) = (permit.id, Some(reply));
        let kept = Kept { channel, effect, permit, pin_accepted, reading, reply };
        let deadline = self.in_flight.add(id, name, limits, kept);
        self.wake_at = self.wake_at.min(deadline);
        self.process.outgoing.send(channel, frame, &self.config.tasks);
    }

    /// Answers a call with the result of an earlier read of the same, or lets it wait for that
    /// read. Returns the call if there is none.
    fn answer_with_earlier_read(&mut self, reading: Option<&str>, reply: Reply) -> Option<Reply> {
        let Some(reading) = reading else { return Some(reply) };
        if let Some(outcome) = self.late_results.take(reading) {
            self.last_used = Instant::now();
            let _ = reply.send(Ok(Delivery::Answered(outcome, PinUse::NotSent)));
            return None;
        }
        let is_same =
            |kept: &Kept| kept.reply.is_none() && kept.reading.as_deref() == Some(reading);
        let Some(running) = self.in_flight.find(is_same) else { return Some(reply) };
        running.kept.reply = Some(reply);
        running.let_caller_wait();
        self.wake_at = Instant::now();
        None
    }

    fn receive(&mut self, message: WorkerMessage) {
        match message {
            WorkerMessage::Response(response) => {
                reached(TracePoint::Heard);
                if response.outcome.says_module_lost() {
                    // The next request gets a worker that initialises the module.
                    self.admission.close();
                } else {
                    self.config.breaker.record_answer();
                }
                self.complete(response);
            }
            WorkerMessage::PinAccepted { id } => {
                let kept = self.in_flight.kept(id);
                if let Some(told) = kept.and_then(|kept| kept.pin_accepted.take()) {
                    let _ = told.send(());
                }
            }
            WorkerMessage::SlotEvent => {
                self.forget_reads();
                self.slot_event_wait.begin();
                self.config.slot_events.send_replace(());
            }
        }
    }

    fn complete(&mut self, response: Response) {
        let Response { id, outcome, pin } = response;
        let Some(done) = self.in_flight.complete(id) else { return };
        self.slot_event_wait.answered(done.began());
        let Kept { channel, effect, permit, pin_accepted: _, reading, reply } = done.kept;
        match &effect {
            Effect::LogsIn { slot, terms, was_open, signs, .. } => {
                let mut logins = self.logins();
                logins.end(*slot, terms, *was_open, &outcome, pin);
                if *signs && matches!(outcome, Outcome::Done(_)) {
                    logins.count_signature(*slot, terms);
                }
                let next_expiry = logins.next_expiry();
                drop(logins);
                self.wake_at = next_expiry.map_or(self.wake_at, |expiry| expiry.min(self.wake_at));
                self.show_logins();
                if matches!(outcome, Outcome::PinRefused(_)) {
                    // The worker has logged out, so that the token could judge the PIN.
                    self.forget_reads();
                } else {
                    self.late_results.clear();
                }
            }
            Effect::LogsOut(slot) if matches!(outcome, Outcome::Done(_)) => {
                self.logins().remove(*slot);
                self.show_logins();
                self.forget_reads();
            }
            Effect::SnapshotsTokens => self.slot_event_wait.begin_first(),
            Effect::LogsOut(_) | Effect::Nothing => {}
        }
        // The channel is idle before the permit lets another task in.
        self.process.outgoing.return_idle(channel);
        drop(permit);
        match (reply, reading) {
            (Some(reply), _) => {
                if reply.send(Ok(Delivery::Answered(outcome, pin))).is_ok() {
                    self.last_used = Instant::now();
                }
            }
            (None, Some(reading)) => self.late_results.keep(reading, outcome),
            (None, None) => {}
        }
    }

    /// Drops what was read before the token or its login changed, and what is being read now: later
    /// calls must not get it.
    fn forget_reads(&mut self) {
        self.late_results.clear();
        self.in_flight.all_kept().for_each(|kept| kept.reading = None);
    }

    fn logins(&self) -> MutexGuard<'_, Logins> {
        lock(&self.logins)
    }

    fn show_logins(&mut self) {
        let logins: Vec<_> = self.logins().open_logins().collect();
        self.notices.show(&self.config.origin, self.config.limits.login_idle, logins.into_iter());
    }
}
