//! Cooldowns: for how long the bridge does not ask the user about an origin after a denial.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use crate::access::origin::Origin;

/// The cooldowns of all origins. Each denial of an origin doubles its next cooldown.
#[derive(Default)]
pub(crate) struct Cooldowns {
    origins: HashMap<Origin, Entry>,
    /// When the user last denied any origin. A site can use many names, so a limit for each origin
    /// alone would not stop its questions.
    recent_denials: VecDeque<Instant>,
}

/// Why the bridge does not ask the user about an origin now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cooldown {
    /// The user denied the origin or did not answer. Holds the remaining time.
    Denied(Duration),
    /// The user denied several origins. Holds the remaining time.
    AllOrigins(Duration),
    /// The bridge could not show the last question.
    CannotAsk,
}

struct Entry {
    until: Instant,
    /// The length of the next cooldown; `None` if the bridge could not show the question.
    next: Option<Duration>,
}

impl Cooldowns {
    /// The cooldown of an origin; `None` if the bridge may ask the user.
    pub(crate) fn get(&self, origin: &Origin, now: Instant) -> Option<Cooldown> {
        if let Some(cooldown) = self.of_origin(origin, now) {
            return Some(cooldown);
        }
        let denials = &self.recent_denials;
        let first = *denials.front().filter(|_| denials.len() == MAX_RECENT_DENIALS)?;
        (now < first + DENIED).then(|| Cooldown::AllOrigins(first + DENIED - now))
    }

    /// The origin's own cooldown.
    pub(crate) fn of_origin(&self, origin: &Origin, now: Instant) -> Option<Cooldown> {
        let entry = self.origins.get(origin).filter(|entry| now < entry.until)?;
        Some(match entry.next {
            Some(_) => Cooldown::Denied(entry.until - now),
            None => Cooldown::CannotAsk,
        })
    }

    /// Starts a cooldown because the user denied the origin.
    pub(crate) fn denied(&mut self, origin: &Origin, now: Instant) {
        self.start(origin, DENIED, now);
    }

    /// Records that the user blocked the origin. It needs no cooldown of its own.
    pub(crate) fn blocked(&mut self, origin: &Origin, now: Instant) {
        self.denied(origin, now);
        self.origins.remove(origin);
    }

    /// Starts a cooldown because the user did not answer, or because the pages left. Without it, a
    /// page could keep a dialog on the screen, or make it flicker, by asking again and again.
    pub(crate) fn not_answered(&mut self, origin: &Origin, now: Instant) {
        self.start(origin, NOT_ANSWERED, now);
    }

    /// Starts a short cooldown because the bridge could not show the question. Each attempt starts
    /// a process, so a page must not repeat it at will.
    pub(crate) fn cannot_ask(&mut self, origin: &Origin, now: Instant) {
        if self.origins.get(origin).is_none_or(|entry| entry.next.is_none()) {
            self.origins.insert(origin.clone(), Entry { until: now + CANNOT_ASK, next: None });
        }
    }

    /// Ends all cooldowns of an origin because the user approved it.
    pub(crate) fn approved(&mut self, origin: &Origin) {
        self.origins.remove(origin);
        self.recent_denials.clear();
    }

    /// Whether a denial still lengthens a cooldown, or still begins one.
    pub(crate) fn remembers_denials(&self, now: Instant) -> bool {
        self.origins.values().any(|entry| entry.next.is_some() && now < entry.until + LONGEST)
    }

    fn start(&mut self, origin: &Origin, at_least: Duration, now: Instant) {
        // After a day without a question, the next denial counts as the first again.
        self.origins.retain(|_, entry| now < entry.until + LONGEST);
        let next = self.origins.get(origin).and_then(|entry| entry.next);
        let length = next.map_or(at_least, |next| next.max(at_least));
        let next = Some((length * 2).min(LONGEST));
        self.origins.insert(origin.clone(), Entry { until: now + length, next });
        if self.recent_denials.len() == MAX_RECENT_DENIALS {
            self.recent_denials.pop_front();
        }
        self.recent_denials.push_back(now);
    }
}

/// The minutes of a cooldown, for an error.
pub(crate) fn minutes(left: Duration) -> u64 {
    left.as_secs().div_ceil(60).max(1)
}

/// The first cooldown after a denial.
pub(crate) const DENIED: Duration = Duration::from_secs(10 * 60);
/// The first cooldown after a question that the user did not answer.
const NOT_ANSWERED: Duration = Duration::from_secs(60);
const CANNOT_ASK: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// After this many denials within [`DENIED`], the bridge asks about no origin.
const MAX_RECENT_DENIALS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: u32) -> Origin {
        format!("https://{number}.example").parse().unwrap()
    }

    fn left(cooldowns: &Cooldowns, origin: &Origin, now: Instant) -> Option<Duration> {
        cooldowns.get(origin, now).map(|cooldown| match cooldown {
            Cooldown::Denied(left) | Cooldown::AllOrigins(left) => left,
            Cooldown::CannotAsk => panic!("the bridge could ask"),
        })
    }

    #[test]
    fn each_denial_doubles_the_cooldown_up_to_a_day() {
        let (mut cooldowns, mut now) = (Cooldowns::default(), Instant::now());
        for minutes in [10, 20, 40, 80, 160, 320, 640, 1280, 1440, 1440] {
            cooldowns.denied(&origin(1), now);
            assert_eq!(left(&cooldowns, &origin(1), now), Some(Duration::from_secs(minutes * 60)));
            assert_eq!(left(&cooldowns, &origin(2), now), None);
            now += Duration::from_secs(minutes * 60);
            assert_eq!(left(&cooldowns, &origin(1), now), None);
        }
        cooldowns.approved(&origin(1));
        cooldowns.denied(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(DENIED));
    }

    #[test]
    fn no_answer_starts_a_shorter_cooldown_than_a_denial() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        cooldowns.not_answered(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(NOT_ANSWERED));
        cooldowns.not_answered(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(2 * NOT_ANSWERED));
        cooldowns.denied(&origin(1), now);
        assert_eq!(left(&cooldowns, &origin(1), now), Some(DENIED));
    }

    #[test]
    fn a_day_without_a_question_resets_the_cooldown() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        cooldowns.denied(&origin(1), now);
        let later = now + DENIED + LONGEST;
        cooldowns.denied(&origin(1), later);
        assert_eq!(left(&cooldowns, &origin(1), later), Some(DENIED));
    }

    #[test]
    fn five_denied_origins_start_a_cooldown_for_all() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        for number in 0..5 {
            assert_eq!(left(&cooldowns, &origin(9), now), None);
            cooldowns.denied(&origin(number), now);
        }
        assert_eq!(left(&cooldowns, &origin(9), now), Some(DENIED));
        assert_eq!(left(&cooldowns, &origin(9), now + DENIED), None);
        cooldowns.approved(&origin(8));
        assert_eq!(left(&cooldowns, &origin(9), now), None);
    }

    #[test]
    fn a_question_that_cannot_be_shown_does_not_count_as_a_denial() {
        let (mut cooldowns, now) = (Cooldowns::default(), Instant::now());
        cooldowns.cannot_ask(&origin(1), now);
        assert_eq!(cooldowns.get(&origin(1), now), Some(Cooldown::CannotAsk));
        assert_eq!(cooldowns.get(&origin(1), now + CANNOT_ASK), None);
        cooldowns.denied(&origin(1), now);
        cooldowns.cannot_ask(&origin(1), now);
        assert_eq!(cooldowns.get(&origin(1), now), Some(Cooldown::Denied(DENIED)));
    }
}
