//! Silences: after a user has cancelled two PIN dialogs of an origin, the bridge shows no further
//! one for a while. The lengths are those after denials.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::access::approvals;
use crate::access::cooldowns::{Cooldown, Cooldowns, DENIED};
use crate::access::origin::Origin;

/// The silences of all origins.
#[derive(Default)]
pub(super) struct PinSilences {
    /// When the user cancelled a first dialog.
    cancelled: HashMap<Origin, Instant>,
    /// When the last silence began, in seconds since 1970.
    began: HashMap<Origin, u64>,
    cooldowns: Cooldowns,
}

impl PinSilences {
    /// Records that the user cancelled a PIN dialog.
    pub(super) fn cancelled(&mut self, origin: &Origin, now: Instant) {
        self.cancelled.retain(|_, first| now < *first + DENIED);
        if self.cancelled.remove(origin).is_none() {
            self.cancelled.insert(origin.clone(), now);
            return;
        }
        self.cooldowns.denied(origin, now);
        self.began.retain(|origin, _| self.cooldowns.of_origin(origin, now).is_some());
        self.began.insert(origin.clone(), approvals::now());
    }

    /// Whether a cancelled dialog still counts.
    pub(super) fn remembers_cancelled(&self, now: Instant) -> bool {
        self.cancelled.values().any(|first| now < *first + DENIED)
            || self.cooldowns.remembers_denials(now)
    }

    /// Records that the user entered the right PIN.
    pub(super) fn entered(&mut self, origin: &Origin) {
        self.cancelled.remove(origin);
        self.cooldowns.approved(origin);
    }

    /// How long the silence of an origin goes on; `None` without one. An approval after its
    /// beginning ends it. `approved` is in seconds since 1970.
    pub(super) fn left(
        &mut self,
        origin: &Origin,
        approved: Option<u64>,
        now: Instant,
    ) -> Option<Duration> {
        let Some(Cooldown::Denied(left)) = self.cooldowns.of_origin(origin, now) else {
            return None;
        };
        if approved > self.began.get(origin).copied() {
            self.entered(origin);
            return None;
        }
        Some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u32) -> Origin {
        format!("https://{number}.example").parse().unwrap()
    }

    #[test]
    fn two_cancelled_dialogs_begin_a_silence() {
        let (mut silences, mut now) = (PinSilences::default(), Instant::now());
        for minutes in [10, 20, 40] {
            silences.cancelled(&origin(1), now);
            assert_eq!(silences.left(&origin(1), None, now), None);
            silences.cancelled(&origin(1), now);
            let silence = Duration::from_secs(minutes * 60);
            assert_eq!(silences.left(&origin(1), None, now), Some(silence));
            now += silence;
            assert_eq!(silences.left(&origin(1), None, now), None);
        }
        for number in 2..20 {
            silences.cancelled(&origin(number), now);
            assert_eq!(silences.left(&origin(number), None, now), None, "one is not enough");
        }
    }

    #[test]
    fn a_right_pin_and_an_approval_end_it() {
        let (mut silences, now) = (PinSilences::default(), Instant::now());
        silences.cancelled(&origin(1), now);
        silences.entered(&origin(1));
        silences.cancelled(&origin(1), now);
        assert_eq!(silences.left(&origin(1), None, now), None);
        silences.cancelled(&origin(1), now);
        let began = approvals::now();
        assert!(silences.left(&origin(1), Some(began - 100), now).is_some());
        assert!(silences.left(&origin(1), Some(began + 100), now).is_none());
        assert!(silences.left(&origin(1), None, now).is_none());
    }

    #[test]
    fn two_dialogs_far_apart_begin_none() {
        let (mut silences, now) = (PinSilences::default(), Instant::now());
        silences.cancelled(&origin(1), now);
        silences.cancelled(&origin(1), now + DENIED);
        assert_eq!(silences.left(&origin(1), None, now + DENIED), None);
    }
}
