//! The failures of one module for one origin. One that crashes or hangs three times within a minute is set
//! aside for a while: longer each time, until it works again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use crate::modules::ModuleName;
use crate::process::lock::lock;

#[derive(Default)]
pub(super) struct CircuitBreaker {
    record: Mutex<Record>,
    /// Whether it hung or crashed while it may have been in `C_WaitForSlotEvent`.
    waited_badly: AtomicBool,
}

#[derive(Default)]
struct Record {
    /// Failures of the last minute.
    recent: Vec<Instant>,
    /// How often in a row it was set aside.
    pauses: u32,
    /// When it failed last, or the end of the pause that followed.
    quiet_since: Option<Instant>,
    standing: Standing,
}

#[derive(Clone, Copy, Default)]
enum Standing {
    #[default]
    Trusted,
    SetAside {
        until: Instant,
    },
    /// Its pause is over, and nothing has come of it yet: with the next failure it is set aside again.
    OnTrial,
}

impl CircuitBreaker {
    /// Notes a crash, a hang, or a worker that sent what is no report.
    pub(super) fn note(&self, now: Instant) {
        let mut record = lock(&self.record);
        record.recover(now);
        if let Standing::SetAside { .. } = record.standing {
            return;
        }
        record.recent.push(now);
        record.quiet_since = Some(now);
        if record.recent.len() >= MAX_FAILURES || matches!(record.standing, Standing::OnTrial) {
            let pause = (FIRST_PAUSE * 2_u32.saturating_pow(record.pauses)).min(LONGEST_PAUSE);
            record.pauses = (record.pauses + 1).min(MAX_DOUBLINGS);
            record.recent.clear();
            record.quiet_since = Some(now + pause);
            record.standing = Standing::SetAside { until: now + pause };
        }
    }

    /// Notes a call that was answered, if only with an error of the module's.
    pub(super) fn worked(&self) {
        let mut record = lock(&self.record);
        if let Standing::OnTrial = record.standing {
            record.standing = Standing::Trusted;
        }
    }

    /// For how long it is set aside still.
    pub(super) fn set_aside(&self, now: Instant) -> Option<Duration> {
        let mut record = lock(&self.record);
        record.recover(now);
        match record.standing {
            Standing::SetAside { until } => Some(until - now),
            Standing::Trusted | Standing::OnTrial => None,
        }
    }

    /// Fails where it is set aside.
    pub(super) fn admit(&self, module: &ModuleName) -> Result<(), Failure> {
        self.set_aside(Instant::now()).map_or(Ok(()), |left| Err(set_aside(module, left)))
    }

    /// What follows a failure that was noted, for whoever met it.
    pub(super) fn what_next(&self) -> String {
        match self.set_aside(Instant::now()) {
            None => "Nothing else was harmed; the next call starts it afresh.".to_owned(),
            Some(left) => format!(
                "It has failed again and again, so that it is set aside for this page and tried again in {} s.",
                seconds(left)
            ),
        }
    }

    /// Whether anything of it has to be remembered.
    pub(super) fn is_of_use(&self, now: Instant) -> bool {
        let mut record = lock(&self.record);
        record.recover(now);
        !self.may_wait() || record.pauses > 0 || !record.recent.is_empty()
    }

    /// Its `C_WaitForSlotEvent` is not called any more.
    pub(super) fn wait_no_more(&self) {
        self.waited_badly.store(true, Ordering::Relaxed);
    }

    /// Whether its `C_WaitForSlotEvent` may be called.
    pub(super) fn may_wait(&self) -> bool {
        !self.waited_badly.load(Ordering::Relaxed)
    }
}

impl Record {
    /// Ends a pause that is over, and forgets failures that are long past, and how long the pause was where all
    /// went well since.
    fn recover(&mut self, now: Instant) {
        self.recent.retain(|failure| now.saturating_duration_since(*failure) < WINDOW);
        if let Standing::SetAside { until } = self.standing
            && until <= now
        {
            self.standing = Standing::OnTrial;
        }
        let quiet = self.quiet_since.map(|since| now.saturating_duration_since(since));
        if quiet.is_some_and(|quiet| quiet >= FORGOTTEN) {
            *self = Self::default();
        }
    }
}

fn set_aside(module: &ModuleName, left: Duration) -> Failure {
    Failure::new(
        ErrorCode::ModuleUnavailable,
        format!(
            "Module `{module}` crashed or hung again and again and is set aside for this page. It is \
             tried again in {} s. Check the token and its reader, or install the token's software \
             again; the bridge's log says what happened.",
            seconds(left)
        ),
    )
}

/// Rounded up: who waits so long has waited long enough.
fn seconds(time: Duration) -> u128 {
    time.as_millis().div_ceil(1000)
}

const MAX_FAILURES: usize = 3;
const WINDOW: Duration = Duration::from_secs(60);
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(30 * 60);
const MAX_DOUBLINGS: u32 = 8;
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn left(faults: &CircuitBreaker, now: Instant) -> Option<u64> {
        faults.set_aside(now).map(|left| left.as_secs())
    }

    #[test]
    fn three_failures_within_a_minute_set_it_aside_for_a_minute() {
        let (faults, start) = (CircuitBreaker::default(), Instant::now());
        for at in [0, 30] {
            faults.note(start + at * SECOND);
            assert_eq!(left(&faults, start + at * SECOND), None);
        }
        // The first is older than a minute by then.
        faults.note(start + 61 * SECOND);
        assert_eq!(left(&faults, start + 61 * SECOND), None);
        faults.note(start + 62 * SECOND);
        assert_eq!(left(&faults, start + 62 * SECOND), Some(60));
        assert_eq!(left(&faults, start + 121 * SECOND), Some(1));
        assert_eq!(left(&faults, start + 122 * SECOND), None);
    }

    #[test]
    fn one_that_fails_its_trial_is_set_aside_for_twice_as_long_and_at_most_half_an_hour() {
        let (faults, mut now) = (CircuitBreaker::default(), Instant::now());
        (0..3).for_each(|_| faults.note(now));
        for minutes in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(left(&faults, now), Some(60 * minutes));
            now += Duration::from_secs(60 * minutes);
            assert_eq!(left(&faults, now), None);
            faults.note(now);
        }
    }

    #[test]
    fn one_that_works_again_may_fail_twice_and_its_next_pause_is_longer() {
        let (faults, start) = (CircuitBreaker::default(), Instant::now());
        (0..3).for_each(|_| faults.note(start));
        let later = start + 60 * SECOND;
        assert_eq!(left(&faults, later), None);
        faults.worked();
        (0..2).for_each(|_| faults.note(later));
        assert_eq!(left(&faults, later), None);
        faults.note(later);
        assert_eq!(left(&faults, later), Some(120));
    }

    #[test]
    fn an_hour_without_a_failure_makes_up_for_all() {
        let (faults, start) = (CircuitBreaker::default(), Instant::now());
        (0..3).for_each(|_| faults.note(start));
        let later = start + 60 * SECOND + FORGOTTEN;
        assert!(!faults.is_of_use(later));
        faults.note(later);
        assert_eq!(left(&faults, later), None);
        assert!(faults.is_of_use(later));
        (0..2).for_each(|_| faults.note(later));
        assert_eq!(left(&faults, later), Some(60));
    }

    #[test]
    fn what_is_in_flight_when_it_is_set_aside_makes_the_pause_no_longer() {
        let (faults, start) = (CircuitBreaker::default(), Instant::now());
        (0..8).for_each(|_| faults.note(start));
        assert_eq!(left(&faults, start), Some(60));
        assert_eq!(left(&faults, start + 60 * SECOND), None);
    }
}
