//! The origins about which the user is not asked for a while, because of what was said the last time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::origin::Origin;

/// Each denial of an origin doubles the time until the next question.
#[derive(Default)]
pub(super) struct Silences(HashMap<Origin, Silence>);

struct Silence {
    until: Instant,
    /// How long the next one is.
    next: Duration,
}

impl Silences {
    /// How long the origin still has to be silent.
    pub(super) fn left(&self, origin: &Origin, now: Instant) -> Option<Duration> {
        let silence = self.0.get(origin).filter(|silence| now < silence.until)?;
        Some(silence.until - now)
    }

    /// The user said no.
    pub(super) fn denied(&mut self, origin: &Origin, now: Instant) {
        self.begin(origin, DENIED, now);
    }

    /// The user said nothing. A page must not keep a dialog on the screen by asking again and again.
    pub(super) fn not_answered(&mut self, origin: &Origin, now: Instant) {
        self.begin(origin, NOT_ANSWERED, now);
    }

    /// The user said yes.
    pub(super) fn forget(&mut self, origin: &Origin) {
        self.0.remove(origin);
    }

    fn begin(&mut self, origin: &Origin, at_least: Duration, now: Instant) {
        // A day without a question, and the next denial is the first again.
        self.0.retain(|_, silence| now < silence.until + LONGEST);
        let length = self.0.get(origin).map_or(at_least, |silence| silence.next.max(at_least));
        let next = (length * 2).min(LONGEST);
        self.0.insert(origin.clone(), Silence { until: now + length, next });
    }
}

const DENIED: Duration = Duration::from_secs(10 * 60);
const NOT_ANSWERED: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_denial_doubles_the_silence_up_to_a_day() {
        let origin: Origin = "https://a.example".parse().unwrap();
        let other: Origin = "https://b.example".parse().unwrap();
        let (mut silences, mut now) = (Silences::default(), Instant::now());
        for minutes in [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440] {
            silences.denied(&origin, now);
            assert_eq!(silences.left(&origin, now), Some(Duration::from_secs(minutes * 60)));
            assert_eq!(silences.left(&other, now), None);
            now += Duration::from_secs(minutes * 60);
            assert_eq!(silences.left(&origin, now), None);
        }
        silences.forget(&origin);
        silences.denied(&origin, now);
        assert_eq!(silences.left(&origin, now), Some(DENIED));
    }

    #[test]
    fn no_answer_is_milder_than_no() {
        let origin: Origin = "https://a.example".parse().unwrap();
        let (mut silences, now) = (Silences::default(), Instant::now());
        silences.not_answered(&origin, now);
        assert_eq!(silences.left(&origin, now), Some(NOT_ANSWERED));
        silences.not_answered(&origin, now);
        assert_eq!(silences.left(&origin, now), Some(2 * NOT_ANSWERED));
        silences.denied(&origin, now);
        assert_eq!(silences.left(&origin, now), Some(DENIED));
    }

    #[test]
    fn a_quiet_day_makes_good() {
        let origin: Origin = "https://a.example".parse().unwrap();
        let (mut silences, now) = (Silences::default(), Instant::now());
        silences.denied(&origin, now);
        let later = now + DENIED + LONGEST;
        silences.denied(&origin, later);
        assert_eq!(silences.left(&origin, later), Some(DENIED));
    }
}
