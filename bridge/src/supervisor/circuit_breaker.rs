//! Counts the failures of one module for one origin. A module that crashes or hangs three times
//! within a minute is suspended: longer each time, until it works again.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use crate::modules::ModuleName;
use crate::process::lock::lock;

/// Shared by all workers of the module for the origin.
#[derive(Default)]
pub(super) struct CircuitBreaker(Mutex<Record>);

#[derive(Default)]
struct Record {
    /// The failures of the last minute.
    recent: Vec<Instant>,
    /// How often in a row the module was suspended.
    suspensions: u32,
    /// The time of the last failure, or the end of the suspension that followed.
    quiet_since: Option<Instant>,
    state: State,
    /// Whether the last start failed, because the module answered an error.
    start_failed: bool,
    /// Whether the module hung or crashed while it may have been in `C_WaitForSlotEvent`.
    slot_events_failed: bool,
}

#[derive(Clone, Copy, Default)]
enum State {
    #[default]
    Closed,
    Suspended {
        until: Instant,
    },
    /// The suspension is over, and no call has succeeded yet. The next failure suspends the module
    /// again.
    HalfOpen,
}

impl CircuitBreaker {
    /// Records a crash, a hang, or a worker that sent an invalid message.
    pub(super) fn record_failure(&self, now: Instant) {
        let mut record = lock(&self.0);
        record.recover(now);
        if let State::Suspended { .. } = record.state {
            return;
        }
        record.recent.push(now);
        record.quiet_since = Some(now);
        if record.recent.len() >= MAX_FAILURES || matches!(record.state, State::HalfOpen) {
            let length = (FIRST_SUSPENSION * 2_u32.saturating_pow(record.suspensions))
                .min(LONGEST_SUSPENSION);
            record.suspensions = (record.suspensions + 1).min(MAX_DOUBLINGS);
            record.recent.clear();
            record.quiet_since = Some(now + length);
            record.state = State::Suspended { until: now + length };
        }
    }

    /// Records whether the module could be loaded and initialised. An error is no reason to suspend
    /// it, because its device or service may only be missing.
    pub(super) fn record_start(&self, succeeded: bool) {
        lock(&self.0).start_failed = !succeeded;
    }

    /// Whether the last start failed, because the module answered an error.
    pub(super) fn start_failed(&self) -> bool {
        lock(&self.0).start_failed
    }

    /// Records that the worker answered a call. An error of the module is an answer, too.
    pub(super) fn record_answer(&self) {
        let mut record = lock(&self.0);
        if let State::HalfOpen = record.state {
            record.state = State::Closed;
        }
    }

    /// How long the module stays suspended; `None` if it is not suspended.
    pub(super) fn suspended_for(&self, now: Instant) -> Option<Duration> {
        let mut record = lock(&self.0);
        record.recover(now);
        match record.state {
            State::Suspended { until } => Some(until - now),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// Fails if the module is suspended.
    pub(super) fn admit(&self, module: &ModuleName) -> Result<(), Failure> {
        self.suspended_for(Instant::now()).map_or(Ok(()), |left| Err(suspended(module, left)))
    }

    /// What happens after a failure that was recorded, for the failure's text.
    pub(super) fn what_next(&self) -> String {
        match self.suspended_for(Instant::now()) {
            None => "Nothing else was harmed; the next call starts it again.".to_owned(),
            Some(left) => format!(
                "It failed several times, so it is suspended for this page. It is tried again in \
                 {} s.",
                seconds(left)
            ),
        }
    }

    /// Whether the record differs from a new one.
    pub(super) fn has_history(&self, now: Instant) -> bool {
        let mut record = lock(&self.0);
        record.recover(now);
        record.start_failed
            || record.slot_events_failed
            || record.suspensions > 0
            || !record.recent.is_empty()
    }

    /// Records that `C_WaitForSlotEvent` may have caused a failure. No worker calls it any more.
    pub(super) fn distrust_slot_events(&self) {
        lock(&self.0).slot_events_failed = true;
    }

    /// Whether a worker may call the module's `C_WaitForSlotEvent`.
    pub(super) fn trusts_slot_events(&self) -> bool {
        !lock(&self.0).slot_events_failed
    }
}

impl Record {
    /// Ends a suspension that is over, and forgets old failures. After a long time without a
    /// failure the next suspension is short again.
    fn recover(&mut self, now: Instant) {
        self.recent.retain(|failure| now.saturating_duration_since(*failure) < WINDOW);
        if let State::Suspended { until } = self.state
            && until <= now
        {
            self.state = State::HalfOpen;
        }
        let quiet = self.quiet_since.map(|since| now.saturating_duration_since(since));
        if quiet.is_some_and(|quiet| quiet >= FORGIVEN_AFTER) {
            *self = Self { slot_events_failed: self.slot_events_failed, ..Self::default() };
        }
    }
}

fn suspended(module: &ModuleName, left: Duration) -> Failure {
    Failure::new(
        ErrorCode::ModuleUnavailable,
        format!(
            "Module `{module}` crashed or hung several times, so it is suspended for this page. It \
             is tried again in {} s. Check the token and its reader, or install the token's \
             software again; the bridge's log says what happened.",
            seconds(left)
        ),
    )
}

/// Rounded up, so that a page that waits this long has waited long enough.
fn seconds(time: Duration) -> u128 {
    time.as_millis().div_ceil(1000)
}

const MAX_FAILURES: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
const FIRST_SUSPENSION: Duration = Duration::from_secs(60);
const LONGEST_SUSPENSION: Duration = Duration::from_secs(30 * 60);
const MAX_DOUBLINGS: u32 = 8;
const FORGIVEN_AFTER: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn left(breaker: &CircuitBreaker, now: Instant) -> Option<u64> {
        breaker.suspended_for(now).map(|left| left.as_secs())
    }

    #[test]
    fn three_failures_within_a_minute_suspend_the_module_for_a_minute() {
        let (breaker, start) = (CircuitBreaker::default(), Instant::now());
        for at in [0, 30] {
            breaker.record_failure(start + at * SECOND);
            assert_eq!(left(&breaker, start + at * SECOND), None);
        }
        // The first failure is older than a minute by then.
        breaker.record_failure(start + 61 * SECOND);
        assert_eq!(left(&breaker, start + 61 * SECOND), None);
        breaker.record_failure(start + 62 * SECOND);
        assert_eq!(left(&breaker, start + 62 * SECOND), Some(60));
        assert_eq!(left(&breaker, start + 121 * SECOND), Some(1));
        assert_eq!(left(&breaker, start + 122 * SECOND), None);
    }

    #[test]
    fn a_failure_after_a_suspension_doubles_it_up_to_half_an_hour() {
        let (breaker, mut now) = (CircuitBreaker::default(), Instant::now());
        (0..3).for_each(|_| breaker.record_failure(now));
        for minutes in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(left(&breaker, now), Some(60 * minutes));
            now += Duration::from_secs(60 * minutes);
            assert_eq!(left(&breaker, now), None);
            breaker.record_failure(now);
        }
    }

    #[test]
    fn a_module_that_works_again_may_fail_twice_and_its_next_suspension_is_longer() {
        let (breaker, start) = (CircuitBreaker::default(), Instant::now());
        (0..3).for_each(|_| breaker.record_failure(start));
        let later = start + 60 * SECOND;
        assert_eq!(left(&breaker, later), None);
        breaker.record_answer();
        (0..2).for_each(|_| breaker.record_failure(later));
        assert_eq!(left(&breaker, later), None);
        breaker.record_failure(later);
        assert_eq!(left(&breaker, later), Some(120));
    }

    #[test]
    fn an_hour_without_a_failure_clears_the_record() {
        let (breaker, start) = (CircuitBreaker::default(), Instant::now());
        (0..3).for_each(|_| breaker.record_failure(start));
        let later = start + 60 * SECOND + FORGIVEN_AFTER;
        assert!(!breaker.has_history(later));
        breaker.record_failure(later);
        assert_eq!(left(&breaker, later), None);
        assert!(breaker.has_history(later));
        (0..2).for_each(|_| breaker.record_failure(later));
        assert_eq!(left(&breaker, later), Some(60));
    }

    #[test]
    fn failures_during_a_suspension_do_not_extend_it() {
        let (breaker, start) = (CircuitBreaker::default(), Instant::now());
        (0..8).for_each(|_| breaker.record_failure(start));
        assert_eq!(left(&breaker, start), Some(60));
        assert_eq!(left(&breaker, start + 60 * SECOND), None);
    }

    #[test]
    fn the_distrust_of_slot_events_lasts() {
        let (breaker, start) = (CircuitBreaker::default(), Instant::now());
        assert!(breaker.trusts_slot_events());
        breaker.record_failure(start);
        breaker.distrust_slot_events();
        let later = start + 2 * FORGIVEN_AFTER;
        assert!(breaker.has_history(later));
        assert!(!breaker.trusts_slot_events());
    }
}
