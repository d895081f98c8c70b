//! The tasks in flight on a worker, and when each of them is overdue.

use std::time::Duration;

use tokio::time::Instant;

/// At most one task for each thread of the worker. `T` is what the owner keeps with each.
pub(super) struct InFlight<T>(Vec<Running<T>>);

/// A task that the worker has. It stays until its response comes, even if the caller is gone,
/// because the worker is still busy with it.
pub(super) struct Running<T> {
    id: u64,
    pub(super) name: &'static str,
    /// How long the task may take.
    pub(super) limit: Duration,
    since: Instant,
    deadline: Instant,
    pub(super) kept: T,
}

impl<T> Running<T> {
    /// The latest deadline of this task, if it has to wait for the longer task `other`. A module
    /// may let no other call in while a person enters a PIN at the reader, for example. This bound
    /// ends a task that hangs beside signatures that go on all the time.
    fn latest(&self, other: &Self) -> Instant {
        self.since + self.limit + other.limit
    }

    /// Adds the time that the longer task `other` took, which has just ended.
    fn make_up_for(&mut self, other: &Self, now: Instant) {
        if other.limit > self.limit {
            let lost = now - self.since.max(other.since);
            self.deadline = self.deadline.max((self.deadline + lost).min(self.latest(other)));
        }
    }
}

impl<T> InFlight<T> {
    pub(super) fn with_capacity(threads: usize) -> Self {
        Self(Vec::with_capacity(threads))
    }

    /// Adds a task that starts now. Returns its deadline, which may move to a later time.
    pub(super) fn add(&mut self, id: u64, name: &'static str, limit: Duration, kept: T) -> Instant {
        let since = Instant::now();
        let deadline = since + limit;
        self.0.push(Running { id, name, limit, since, deadline, kept });
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

    /// When the first task is overdue, as far as is known now.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.first_due().map(|(_, due)| due)
    }

    /// Removes a task that is overdue.
    pub(super) fn take_overdue(&mut self) -> Option<Running<T>> {
        let (index, _) = self.first_due().filter(|(_, due)| *due <= Instant::now())?;
        Some(self.0.swap_remove(index))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Running<T>> {
        self.0.drain(..)
    }

    /// The task that is overdue first, and when: not before the longer tasks that it may wait for.
    fn first_due(&self) -> Option<(usize, Instant)> {
        let due = |task: &Running<T>| {
            let longer = self.0.iter().filter(|other| other.limit > task.limit);
            let ends = longer.map(|other| other.deadline.min(task.latest(other)));
            ends.fold(task.deadline, Instant::max)
        };
        let dues = self.0.iter().map(due).enumerate();
        dues.min_by_key(|(_, due)| *due)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const READ: Duration = Duration::from_secs(30);
    const SIGN: Duration = Duration::from_secs(120);
    const SECOND: Duration = Duration::from_secs(1);

    fn overdue(tasks: &mut InFlight<()>) -> Option<&'static str> {
        tasks.take_overdue().map(|task| task.name)
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_is_overdue_after_its_limit() {
        let mut tasks = InFlight::with_capacity(2);
        let start = Instant::now();
        assert_eq!(tasks.next_deadline(), None);
        assert_eq!(tasks.add(1, "slots", READ, ()), start + READ);
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
        tasks.add(1, "slots", READ, ());
        assert!(tasks.complete(2).is_none());
        assert_eq!(tasks.complete(1).map(|task| task.name), Some("slots"));
        assert!(tasks.complete(1).is_none());
        advance(SIGN).await;
        assert_eq!(overdue(&mut tasks), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_task_waits_for_a_longer_one() {
        let mut tasks = InFlight::with_capacity(2);
        tasks.add(1, "slots", READ, ());
        advance(10 * SECOND).await;
        tasks.add(2, "signData", SIGN, ());
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
        tasks.add(1, "signData", SIGN, ());
        advance(100 * SECOND).await;
        tasks.add(2, "slots", READ, ());
        assert_eq!(tasks.next_deadline(), Some(start + SIGN));
        advance(20 * SECOND).await;
        assert_eq!(overdue(&mut tasks), Some("signData"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_hangs_beside_endless_signatures_is_overdue_in_the_end() {
        let mut tasks = InFlight::with_capacity(2);
        tasks.add(1, "slots", READ, ());
        let mut waited = Duration::ZERO;
        for id in 2.. {
            tasks.add(id, "signData", SIGN, ());
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
}
