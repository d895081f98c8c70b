//! Whether the worker may wait in `C_WaitForSlotEvent`, and whether that keeps other calls out of
//! the module.

use std::time::Duration;

use tokio::time::Instant;

/// The wait for slot events. The worker begins it after a token snapshot.
#[derive(Default)]
pub(super) struct SlotEventWait {
    may_wait: bool,
    /// When the worker began to wait last; `None` before the first snapshot.
    since: Option<Instant>,
    /// Whether the module answered a call during this wait.
    lets_calls_in: bool,
}

impl SlotEventWait {
    /// The worker gets a task after which it may wait.
    pub(super) fn may_begin(&mut self) {
        self.may_wait = true;
    }

    /// The worker has sent a snapshot: now it waits, unless it does already.
    pub(super) fn begin_first(&mut self) {
        if self.since.is_none() {
            self.begin();
        }
    }

    /// The worker waits anew, because an event came.
    pub(super) fn begin(&mut self) {
        self.since = Some(Instant::now());
        self.lets_calls_in = false;
    }

    /// The worker answered a task that began at this time.
    pub(super) fn answered(&mut self, began: Instant) {
        self.lets_calls_in |= self.since.is_some_and(|since| began >= since + MARGIN);
    }

    /// Whether the worker may be in the function.
    pub(super) fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// Whether the wait may be the reason why the module answers no call.
    pub(super) fn is_suspect(&self) -> bool {
        self.may_wait && !self.lets_calls_in
    }
}

/// The worker pauses after an event, before it waits anew. A call in this pause proves nothing.
const MARGIN: Duration = Duration::from_millis(500);
