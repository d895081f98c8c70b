//! The tasks in flight on a worker: how long each caller waits, and when the worker counts as hung.

use std::time::Duration;

use tokio::time::Instant;

use crate::ipc::task::TimeLimits;

/// At most one task for each thread of the worker. `T` is what the owner keeps with each.
pub(super) struct InFlight<T>(Vec<Running<T>>);

/// A task that the worker has. It stays until its response comes, even if the caller is gone,
/// because the worker is still busy with it.
pub(super) struct Running<T> {
    id: u64,
    pub(super) name: &'static str,
    limits: TimeLimits,
    /// How long the worker may take.
    worker: Wait,
    /// How long the caller still waits; `None` if it waits as long as the worker may take, or if it
    /// has gone.
    caller: Option<Wait>,
    pub(super) kept: T,
}

/// A time that is over at its deadline. The deadline moves while a longer task is in flight.
struct Wait {
    since: Instant,
    limit: Duration,
    deadline: Instant,
}

/// What is over for a task.
pub(super) enum Overdue<'a, T> {
    /// The caller has waited long enough. The worker goes on with the task.
    Caller(&'a mut Running<T>),
    /// The worker hangs. The task is removed.
    Worker(Running<T>),
}

impl Wait {
    fn from_now(limit: Duration) -> Self {
        let since = Instant::now();
        Self { since, limit, deadline: since + limit }
    }

    /// The latest deadline, if the task has to wait for one of the longer limit `other`. A module
    /// may let no other call in while a person enters a PIN at the reader, for example. This bound
    /// ends a task that hangs beside signatures that go on all the time.
    fn latest(&self, other: Duration) -> Instant {
        self.since + self.limit + other
    }

    /// Adds the time that a longer task took, which has just ended.
    fn make_up_for(&mut self, began: Instant, limit: Duration, now: Instant) {
        let lost = now - self.since.max(began);
        self.deadline = self.deadline.max((self.deadline + lost).min(self.latest(limit)));
    }
}

impl<T> Running<T> {
    /// When the task began.
    pub(super) fn began(&self) -> Instant {
        self.worker.since
    }

    /// How long the worker may take for the task.
    pub(super) fn limit(&self) -> Duration {
        self.limits.worker
    }

    /// How long its caller waits.
    pub(super) fn caller_limit(&self) -> Duration {
        self.limits.caller
    }

    /// Whether the task waits for the other one if the module lets only one of them in.
    fn is_shorter(&self, other: &Self) -> bool {
        self.limits.caller < other.limits.caller
    }

    /// Lets a new caller wait for this task, whose caller has gone.
    pub(super) fn let_caller_wait(&mut self) {
        self.caller = Some(Wait::from_now(self.limits.caller));
    }

    fn make_up_for(&mut self, other: &Self, now: Instant) {
        if self.is_shorter(other) {
            for wait in self.caller.iter_mut().chain([&mut self.worker]) {
                wait.make_up_for(other.worker.since, other.limits.caller, now);
            }
        }
    }
}

impl<T> InFlight<T> {
    pub(super) fn with_capacity(threads: usize) -> Self {
        Self(Vec::with_capacity(threads))
    }

    /// Adds a task that starts now. Returns its first deadline, which may move to a later time.
    pub(super) fn add(
        &mut self,
        id: u64,
        name: &'static str,
        limits: TimeLimits,
        kept: T,
    ) -> Instant {
        let worker = Wait::from_now(limits.worker);
        let caller = (limits.caller < limits.worker).then(|| Wait::from_now(limits.caller));
        let deadline = caller.as_ref().unwrap_or(&worker).deadline;
        self.0.push(Running { id, name, limits, worker, caller, kept });
        deadline
    }

    /// Removes a task whose response came; `None` if there is no task of this id.
    pub(super) fn complete(&mut self, id: u64) -> Option<Running<T>> {
        let index = self.0.iter().position(|task| task.id == id)?;
        let done = self.0.swap_remove(index);
        if !self.0.is_empty() {
            let now = Instant::now();
            self.0.iter_mut().for_each(|task| task.make_up_for(&done, now));
        }
        Some(done)
    }

    /// What the owner keeps with the task of this id; `None` if there is no such task.
    pub(super) fn kept(&mut self, id: u64) -> Option<&mut T> {
        self.0.iter_mut().find(|task| task.id == id).map(|task| &mut task.kept)
    }

    /// What the owner keeps with each task.
    pub(super) fn all_kept(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().map(|task| &mut task.kept)
    }

    /// A task for which this holds.
    pub(super) fn find(&mut self, holds: impl Fn(&T) -> bool) -> Option<&mut Running<T>> {
        self.0.iter_mut().find(|task| holds(&task.kept))
    }

    /// When the first time is over, as far as is known now.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let callers = self.first_due(|task| task.caller.as_ref());
        let workers = self.first_due(|task| Some(&task.worker));
        callers.into_iter().chain(workers).map(|(_, due)| due).min()
    }

    /// A task whose time is over.
    pub(super) fn take_overdue(&mut self) -> Option<Overdue<'_, T>> {
        let now = Instant::now();
        let is_over = |(_, due): &(usize, Instant)| *due <= now;
        if let Some((index, _)) = self.first_due(|task| Some(&task.worker)).filter(is_over) {
            return Some(Overdue::Worker(self.0.swap_remove(index)));
        }
        let (index, _) = self.first_due(|task| task.caller.as_ref()).filter(is_over)?;
        let task = &mut self.0[index];
        task.caller = None;
        Some(Overdue::Caller(task))
    }

    /// When a caller has waited for its limit, whatever longer tasks are in flight.
    pub(super) fn first_limit(&self) -> Option<Instant> {
        let callers = self.0.iter().filter_map(|task| task.caller.as_ref());
        callers.map(|wait| wait.since + wait.limit).min()
    }

    /// Removes a task whose caller has waited for its limit, whatever longer tasks are in flight.
    pub(super) fn take_caller_at_limit(&mut self) -> Option<Running<T>> {
        let now = Instant::now();
        let is_over = |wait: &Wait| wait.since + wait.limit <= now;
        let index = self.0.iter().position(|task| task.caller.as_ref().is_some_and(is_over))?;
        Some(self.0.swap_remove(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Running<T>> {
        self.0.drain(..)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Running<T>> {
        self.0.iter()
    }

    /// The task whose wait is over first, and when: not before the longer tasks that it may wait
    /// for.
    fn first_due(&self, wait: impl Fn(&Running<T>) -> Option<&Wait>) -> Option<(usize, Instant)> {
        let due = |task: &Running<T>| {
            let wait = wait(task)?;
            let longer = self.0.iter().filter(|other| task.is_shorter(other));
            let ends =
                longer.map(|other| other.worker.deadline.min(wait.latest(other.limits.caller)));
            Some(ends.fold(wait.deadline, Instant::max))
        };
        let dues = self.0.iter().enumerate().filter_map(|(index, task)| Some((index, due(task)?)));
        dues.min_by_key(|(_, due)| *due)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const READ: Duration = Duration::from_secs(30);
    const SIGN: Duration = Duration::from_secs(120);
    const HANG: Duration = Duration::from_secs(180);
    const SECOND: Duration = Duration::from_secs(1);

    /// The name of a task whose worker hangs.
    fn overdue(tasks: &mut InFlight<()>) -> Option<&'static str> {
        match tasks.take_overdue()? {
            Overdue::Worker(task) => Some(task.name),
            Overdue::Caller(task) => panic!("only the caller of {} waited long enough", task.name),
        }
    }

    /// The name of a task whose caller has waited long enough.
    fn late(tasks: &mut InFlight<()>) -> Option<&'static str> {
        match tasks.take_overdue()? {
            Overdue::Worker(task) => panic!("the worker hangs in {}", task.name),
            Overdue::Caller(task) => Some(task.name),
        }
    }

    fn limits(limit: Duration) -> TimeLimits {
        TimeLimits { caller: limit, worker: limit }
    }

    const SLOW_READ: TimeLimits = TimeLimits { caller: READ, worker: HANG };

    #[tokio::test(start_paused = true)]
    async fn a_task_is_overdue_after_its_limit() {
        let mut tasks = InFlight::with_capacity(2);
        let start = Instant::now();
        assert_eq!(tasks.next_deadline(), None);
        assert_eq!(tasks.add(1, "slots", limits(READ), ()), start + READ);
        assert_eq!(tasks.next_deadline(), Some(start + READ));
        advance(READ - SECOND).await;
        assert_eq!(overdue(&mut tasks), None);
        advance(SECOND).await;
        assert_eq!(overdue(&mut tasks), Some("slots"));
        assert_eq!(tasks.next_deadline(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_completed_task_is_never_overdue() {
        let mut tasks = InFlight::with_capacity(2);
        tasks.add(1, "slots", limits(READ), ());
        assert!(tasks.complete(2).is_none());
        assert_eq!(tasks.complete(1).map(|task| task.name), Some("slots"));
        assert!(tasks.complete(1).is_none());
        advance(SIGN).await;
        assert_eq!(overdue(&mut tasks), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_task_waits_for_a_longer_one() {
        let mut tasks = InFlight::with_capacity(2);
        tasks.add(1, "slots", limits(READ), ());
        advance(10 * SECOND).await;
        tasks.add(2, "signData", limits(SIGN), ());
        advance(SIGN - SECOND).await;
        assert_eq!(overdue(&mut tasks), None);
        // The signature took 119 s of the time of the short task, which had used 10 s before.
        tasks.complete(2);
        advance(19 * SECOND).await;
        assert_eq!(overdue(&mut tasks), None);
        advance(SECOND).await;
        assert_eq!(overdue(&mut tasks), Some("slots"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_task_does_not_wait_for_a_short_one() {
        let mut tasks = InFlight::with_capacity(2);
        let start = Instant::now();
        tasks.add(1, "signData", limits(SIGN), ());
        advance(100 * SECOND).await;
        tasks.add(2, "slots", limits(READ), ());
        assert_eq!(tasks.next_deadline(), Some(start + SIGN));
        advance(20 * SECOND).await;
        assert_eq!(overdue(&mut tasks), Some("signData"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hangs_beside_endless_signatures_is_overdue_in_the_end() {
        let mut tasks = InFlight::with_capacity(2);
        tasks.add(1, "slots", limits(READ), ());
        let mut waited = Duration::ZERO;
        for id in 2.. {
            tasks.add(id, "signData", limits(SIGN), ());
            advance(SECOND).await;
            waited += SECOND;
            if let Some(name) = overdue(&mut tasks) {
                assert_eq!(name, "slots");
                break;
            }
            tasks.complete(id);
        }
        assert_eq!(waited, READ + SIGN);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_goes_on_after_its_caller_has_waited_long_enough() {
        let mut tasks = InFlight::with_capacity(2);
        let start = Instant::now();
        assert_eq!(tasks.add(1, "slots", SLOW_READ, ()), start + READ);
        advance(READ).await;
        assert_eq!(late(&mut tasks), Some("slots"));
        assert_eq!(tasks.next_deadline(), Some(start + HANG));
        // Another caller waits for the same read.
        tasks.find(|()| true).unwrap().let_caller_wait();
        assert_eq!(tasks.next_deadline(), Some(start + 2 * READ));
        advance(READ).await;
        assert_eq!(late(&mut tasks), Some("slots"));
        advance(HANG - 2 * READ).await;
        assert_eq!(overdue(&mut tasks), Some("slots"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_signature_does_not_wait_for_a_read_that_goes_on() {
        let mut tasks = InFlight::with_capacity(2);
        tasks.add(1, "slots", SLOW_READ, ());
        tasks.add(2, "signData", limits(SIGN), ());
        advance(SIGN).await;
        assert_eq!(overdue(&mut tasks), Some("signData"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_behind_a_signature_waits_for_it() {
        let mut tasks = InFlight::with_capacity(2);
        let start = Instant::now();
        tasks.add(1, "slots", SLOW_READ, ());
        tasks.add(2, "signData", limits(SIGN), ());
        assert_eq!(tasks.first_limit(), Some(start + READ));
        advance(SIGN - SECOND).await;
        assert!(tasks.take_overdue().is_none());
        tasks.complete(2);
        advance(READ - SECOND).await;
        assert!(tasks.take_overdue().is_none());
        advance(SECOND).await;
        assert_eq!(late(&mut tasks), Some("slots"));
    }
}
