//! What a worker has shown so far. A worker that worked before, or that is old, may have lost its
//! connection to the token. If a fresh one fails, the module or the token is at fault.

use std::collections::HashSet;
use std::time::Duration;

use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::time::Instant;

use crate::ipc::task::Task;
use crate::supervisor::suspicion::Suspicion;

pub(crate) struct WorkerHistory {
    started: Instant,
    /// Whether a task succeeded.
    worked: bool,
    /// The slots on which a task succeeded.
    slots: HashSet<SlotId>,
    found_slots: bool,
    found_tokens: bool,
    /// When it found no token for the first time since it found one.
    no_tokens_since: Option<Instant>,
}

impl WorkerHistory {
    pub(super) fn new() -> Self {
        Self {
            started: Instant::now(),
            worked: false,
            slots: HashSet::new(),
            found_slots: false,
            found_tokens: false,
            no_tokens_since: None,
        }
    }

    /// Records a task without a suspicion.
    pub(crate) fn record_success(&mut self, task: &Task) {
        self.worked = true;
        match task {
            Task::Slots { token_present: false } => self.found_slots = true,
            Task::Slots { token_present: true } | Task::ListTokens | Task::SnapshotTokens => {
                (self.found_slots, self.found_tokens) = (true, true);
                self.no_tokens_since = None;
            }
            _ => {}
        }
        if let Some(slot) = task.slot()
            && self.slots.len() < MAX_SLOTS
        {
            self.slots.insert(slot);
        }
    }

    /// Whether a fresh worker may do better at the task.
    pub(in crate::supervisor) fn is_doubtful(&mut self, task: &Task, suspicion: Suspicion) -> bool {
        let age = self.started.elapsed();
        match suspicion {
            Suspicion::Error => self.worked || age >= OLD,
            Suspicion::Absent => {
                task.slot().is_some_and(|slot| self.slots.contains(&slot)) || age >= VERY_OLD
            }
            Suspicion::NoSlots => self.found_slots || age >= VERY_OLD,
            Suspicion::NoTokens => {
                // The user may have taken the token out to put in another one.
                let since = *self.no_tokens_since.get_or_insert_with(Instant::now);
                (self.found_tokens && since.elapsed() >= EMPTY) || age >= VERY_OLD
            }
        }
    }
}

/// A worker of this age may have started before the daemon of its token.
const OLD: Duration = Duration::from_secs(10);
/// A reader or a token may have come since a worker of this age has started.
const VERY_OLD: Duration = Duration::from_secs(30);
const EMPTY: Duration = Duration::from_secs(5);
/// A hostile module may have any number of slots.
const MAX_SLOTS: usize = 64;

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fresh_worker_says_the_truth() {
        let mut fresh = WorkerHistory::new();
        let token = Task::Token { slot_id: SlotId(1) };
        for suspicion in
            [Suspicion::Error, Suspicion::Absent, Suspicion::NoSlots, Suspicion::NoTokens]
        {
            assert!(!fresh.is_doubtful(&token, suspicion), "{suspicion:?}");
        }
        advance(OLD).await;
        assert!(fresh.is_doubtful(&token, Suspicion::Error));
        assert!(!fresh.is_doubtful(&token, Suspicion::Absent));
        advance(VERY_OLD).await;
        assert!(fresh.is_doubtful(&token, Suspicion::Absent));
        assert!(fresh.is_doubtful(&token, Suspicion::NoSlots));
    }

    #[tokio::test(start_paused = true)]
    async fn a_worker_that_worked_before_is_doubtful() {
        let mut history = WorkerHistory::new();
        let (token, other) =
            (Task::Token { slot_id: SlotId(1) }, Task::Token { slot_id: SlotId(2) });
        history.record_success(&token);
        assert!(history.is_doubtful(&token, Suspicion::Error));
        assert!(history.is_doubtful(&token, Suspicion::Absent));
        assert!(!history.is_doubtful(&other, Suspicion::Absent));
        let slots = Task::Slots { token_present: false };
        assert!(!history.is_doubtful(&slots, Suspicion::NoSlots));
        history.record_success(&Task::SnapshotTokens);
        assert!(history.is_doubtful(&slots, Suspicion::NoSlots));
        assert!(!history.is_doubtful(&Task::SnapshotTokens, Suspicion::NoTokens));
        advance(EMPTY).await;
        assert!(history.is_doubtful(&Task::SnapshotTokens, Suspicion::NoTokens));
        history.record_success(&Task::SnapshotTokens);
        assert!(!history.is_doubtful(&Task::SnapshotTokens, Suspicion::NoTokens));
    }
}
