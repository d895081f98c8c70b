//! The task that owns a worker process: the child, its channels, the tasks in flight, the logins
//! and all timers. It lives as long as the process, and always reaps it.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedMutexGuard, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::admission::{Admission, ThreadPermit};
use super::command::{Command, Delivery, Effect, Execution, LogoutReason};
use super::config::{WorkerConfig, WorkerPermit};
use super::failures;
use super::handle::{Request, WeakHandle};
use super::in_flight::{InFlight, Running};
use super::login_notices::LoginNotices;
use super::logins::Logins;
use super::process::{Process, REAP_GRACE, kill, reap};
use crate::ipc::frame;
use crate::ipc::message::{Outcome, Response, WorkerMessage};
use crate::ipc::task::Task;
use crate::process::lock::lock;
use crate::trace_points::{TracePoint, reached};

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
    /// Whether the worker may be in `C_WaitForSlotEvent`: it waits there after a token snapshot.
    may_wait_for_slot_events: bool,
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
    reply: oneshot::Sender<Result<Delivery, Failure>>,
}

/// Whether a page that watches the slots of a worker uses it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watching {
    /// The worker does not end because it is idle.
    IsUse,
    /// The worker ends if another origin needs its place. The watch goes on with another worker.
    IsNoUse,
}

/// Why a worker ends.
enum End {
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
            may_wait_for_slot_events: false,
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
            Command::Execute(execution) => self.execute(execution),
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
        let Execution { name, frame, limit, effect, permit, reply } = execution;
        // The caller has gone, and the worker knows nothing of the task yet.
        if reply.is_closed() {
            return;
        }
        if !self.admission.is_open() {
            let _ = reply.send(Ok(Delivery::NotSent(self.admission.end())));
            return;
        }
        let Some(channel) = self.process.outgoing.take_idle() else {
            // A permit stands for an idle thread, so this cannot happen.
            let busy = failures::busy(&self.config.module, name, Duration::ZERO);
            let _ = reply.send(Ok(Delivery::Refused(busy)));
            return;
        };
        match &effect {
            Effect::LogsIn { slot, .. } => self.logins().begin(*slot),
            Effect::SnapshotsTokens => self.may_wait_for_slot_events = true,
            Effect::LogsOut(_) | Effect::Nothing => {}
        }
        self.last_used = Instant::now();
        let id = permit.id;
        let deadline = self.in_flight.add(id, name, limit, Kept { channel, effect, permit, reply });
        self.wake_at = self.wake_at.min(deadline);
        self.process.outgoing.send(channel, frame, &self.config.tasks);
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
            WorkerMessage::SlotEvent => {
                self.config.slot_events.send_replace(());
            }
        }
    }

    fn complete(&mut self, response: Response) {
        let Response { id, outcome, pin } = response;
        let Some(done) = self.in_flight.complete(id) else { return };
        let Kept { channel, effect, permit, reply } = done.kept;
        match &effect {
            Effect::LogsIn { slot, terms, was_open, signs } => {
                let mut logins = self.logins();
                logins.end(*slot, terms, *was_open, &outcome, pin);
                if *signs && matches!(outcome, Outcome::Done(_)) {
                    logins.count_signature(*slot, terms);
                }
                let next_expiry = logins.next_expiry();
                drop(logins);
                self.wake_at = next_expiry.map_or(self.wake_at, |expiry| expiry.min(self.wake_at));
                self.show_logins();
            }
            Effect::LogsOut(slot) if matches!(outcome, Outcome::Done(_)) => {
                self.logins().remove(*slot);
                self.show_logins();
            }
            Effect::LogsOut(_) | Effect::SnapshotsTokens | Effect::Nothing => {}
        }
        // The channel is idle before the permit lets another task in.
        self.process.outgoing.return_idle(channel);
        drop(permit);
        if reply.send(Ok(Delivery::Answered(outcome, pin))).is_ok() {
            self.last_used = Instant::now();
        }
    }

    /// Passes on what the worker sent before it ended. Its death is announced after that.
    async fn receive_the_rest(&mut self) {
        while let Ok(Some(Ok(frame))) = timeout(REAP_GRACE, self.process.incoming.next()).await {
            let Ok(message) = frame::decode(&frame) else { return };
            self.receive(message);
        }
    }

    fn check_deadlines(&mut self) -> Option<End> {
        if let Some(Running { name, limit, kept, .. }) = self.in_flight.take_overdue() {
            let failure = failures::deadline_passed(&self.config.module, name, limit);
            let _ = kept.reply.send(Err(failure));
            return Some(End::Hung(name));
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
        let others = [self.in_flight.next_deadline(), self.logins().next_expiry()];
        self.wake_at = others.into_iter().flatten().fold(self.next_idle_check, Instant::min);
        None
    }

    /// Logs out of a slot or of all, by a request like any other. This request holds a handle, so
    /// the worker counts as used.
    fn log_out(
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

    fn logins(&self) -> MutexGuard<'_, Logins> {
        lock(&self.logins)
    }

    fn show_logins(&mut self) {
        let logins: Vec<_> = self.logins().open_logins().collect();
        self.notices.show(&self.config.origin, self.config.limits.login_idle, logins.into_iter());
    }

    /// For how long nobody has used the worker. `None` if it may be logged in, or if a page watches
    /// its slots. `None` as well if not only the session holds a handle: the other holder is about
    /// to send a request, or waits for an outcome.
    fn unused_for(&self, now: Instant, watching: Watching) -> Option<Duration> {
        let is_unused = self.commands.sender_strong_count() == 1
            && self.logins().is_empty()
            && (watching == Watching::IsNoUse || self.config.slot_events.receiver_count() == 0);
        is_unused.then(|| now - self.last_used)
    }

    /// Takes no more requests. It takes the turn at once, so a start that comes later waits for the
    /// end.
    fn release(&self) -> End {
        self.admission.close();
        End::Released(self.config.turn.clone().try_lock_owned().ok())
    }

    async fn finish(mut self, end: End) {
        self.notices = LoginNotices::default();
        let (module, pid) = (self.config.module.clone(), self.pid);
        let breaker = self.config.breaker.clone();
        match end {
            End::Exited => {
                let status = reap(&mut self.process.child).await;
                breaker.record_failure(std::time::Instant::now());
                let reason = failures::exited(&module, &status, &breaker);
                tracing::warn!(module = %module.name, pid, "{reason}");
                if self.may_wait_for_slot_events {
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
                if self.may_wait_for_slot_events && breaker.trusts_slot_events() {
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
            let _ = task.kept.reply.send(Err(reason.clone()));
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
}

/// How long a worker may take to log out and finalise its module.
const END_GRACE: Duration = Duration::from_secs(2);
