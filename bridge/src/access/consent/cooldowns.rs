//! The origins about which the user is not asked for a while, because of what was said the last time.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::access::origin::Origin;

/// Each denial of an origin doubles the time until the next question.
#[derive(Default)]
pub(super) struct Cooldowns {
    origins: HashMap<Origin, Kept>,
    /// When the user last turned a site down, whichever: names are free, and one after the other could
    /// ask for ever.
    turned_down: VecDeque<Instant>,
}

/// Why an origin is not asked about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// The user said no, or nothing; for so long it counts.
    SaidNo(Duration),
    /// The user turned down several others; for so long it counts.
    OfAll(Duration),
    /// A moment ago the user could not be asked.
    NotAsked,
}

struct Kept {
    until: Instant,
    /// How long the next one is; nothing where the user could not be asked.
    next: Option<Duration>,
}

impl Cooldowns {
    /// Why the origin has to be silent still.
    pub(super) fn of(&self, origin: &Origin, now: Instant) -> Option<Silence> {
        if let Some(kept) = self.origins.get(origin).filter(|kept| now < kept.until) {
            return Some(match kept.next {
                Some(_) => Silence::SaidNo(kept.until - now),
                None => Silence::NotAsked,
            });
        }
        let first =
            *self.turned_down.front().filter(|_| self.turned_down.len() == MAX_TURNED_DOWN)?;
        (now < first + DENIED).then(|| Silence::OfAll(first + DENIED - now))
    }

    /// The user said no.
    pub(super) fn denied(&mut self, origin: &Origin, now: Instant) {
        self.begin(origin, DENIED, now);
    }

    /// The user said nothing. A page must not keep a dialog on the screen by asking again and again.
    pub(super) fn not_answered(&mut self, origin: &Origin, now: Instant) {
        self.begin(origin, NOT_ANSWERED, now);
    }

    /// The user could not be asked. Trying costs a process each time.
    pub(super) fn not_asked(&mut self, origin: &Origin, now: Instant) {
        if self.origins.get(origin).is_none_or(|kept| kept.next.is_none()) {
            self.origins.insert(origin.clone(), Kept { until: now + NOT_ASKED, next: None });
        }
    }

    /// The user said yes.
    pub(super) fn forget(&mut self, origin: &Origin) {
        self.origins.remove(origin);
        self.turned_down.clear();
    }

    fn begin(&mut self, origin: &Origin, at_least: Duration, now: Instant) {
        // A day without a question, and the next denial is the first again.
        self.origins.retain(|_, kept| now < kept.until + LONGEST);
        let next = self.origins.get(origin).and_then(|kept| kept.next);
        let length = next.map_or(at_least, |next| next.max(at_least));
        let next = Some((length * 2).min(LONGEST));
        self.origins.insert(origin.clone(), Kept { until: now + length, next });
        if self.turned_down.len() == MAX_TURNED_DOWN {
            self.turned_down.pop_front();
        }
        self.turned_down.push_back(now);
    }
}

pub(super) const DENIED: Duration = Duration::from_secs(10 * 60);
const NOT_ANSWERED: Duration = Duration::from_secs(60);
const NOT_ASKED: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// So many sites may be turned down in ten minutes before no site may ask.
const MAX_TURNED_DOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u32) -> Origin {
        format!("https://{number}.example").parse().unwrap()
    }

    fn left(cooldowns: &Cooldowns, origin: &Origin, now: Instant) -> Option<Duration> {
        cooldowns.of(origin, now).map(|silence| match silence {
            Silence::SaidNo(left) | Silence::OfAll(left) => left,
            Silence::NotAsked => panic!("it was asked"),
        })
    }

    #[test]
    fn each_denial_doubles_the_silence_up_to_a_day() {
        let (mut cooldowns, mut now) = (Cooldowns::default(), Instant::now());
        for minutes in [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440] {
            cooldowns.denied(&origin(1), now);
            assert_eq!(left(&cooldowns, &origin(1), now), Some(Duration::from_secs(minutes * 60)));
            assert_eq!(left(&cooldowns, &origin(2), now), None);
            now += Duration::from_secs(minutes * 60);
            assert_eq!(left(&cooldowns, &origin(1), now), None);
        }
        cooldowns.forget(&origin(1));
        cooldowns.denied(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(DENIED));
    }

    #[test]
    fn no_answer_is_milder_than_no() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        cooldowns.not_answered(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(NOT_ANSWERED));
        cooldowns.not_answered(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(2 * NOT_ANSWERED));
        cooldowns.denied(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(DENIED));
    }

    #[test]
    fn a_quiet_day_makes_good() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        cooldowns.denied(&origin(1), now);
        let later = now + DENIED + LONGEST;
        cooldowns.denied(&origin(1), later);
        assert_eq!(left(&cooldowns, &origin(1), later), Some(DENIED));
    }

    #[test]
    fn many_sites_that_are_turned_down_silence_all() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        for number in 0..5 {
            assert_eq!(left(&cooldowns, &origin(9), now), None);
            cooldowns.denied(&origin(number), now);
        }
        assert_eq!(left(&cooldowns, &origin(9), now), Some(DENIED));
        assert_eq!(left(&cooldowns, &origin(9), now + DENIED), None);
        cooldowns.forget(&origin(8));
        assert_eq!(left(&cooldowns, &origin(9), now), None);
    }

    #[test]
    fn a_user_who_could_not_be_asked_has_said_nothing() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        cooldowns.not_asked(&origin(1), now);
        assert_eq!(cooldowns.of(&origin(1), now), Some(Silence::NotAsked));
        assert_eq!(cooldowns.of(&origin(1), now + NOT_ASKED), None);
        cooldowns.denied(&origin(1), now);
        cooldowns.not_asked(&origin(1), now);
        assert_eq!(cooldowns.of(&origin(1), now), Some(Silence::SaidNo(DENIED)));
    }
}
