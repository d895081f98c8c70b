//! How often a worker may be replaced by a fresh one because its module fails. If the fresh one
//! fails too, the next replacement waits longer, so that a broken token causes no flood of
//! processes.

use std::time::Duration;

use tokio::time::Instant;

/// The replacements of one module for one origin.
#[derive(Default)]
pub(super) struct Replacements {
    /// The replacements of the last seconds.
    recent: Vec<Instant>,
    last: Option<Instant>,
    /// How many in a row did not help.
    in_vain: u32,
}

impl Replacements {
    /// Takes the permission for a replacement, if the last one is long enough ago.
    pub(super) fn take(&mut self) -> bool {
        let now = Instant::now();
        self.recent.retain(|time| now < *time + WINDOW);
        let is_due = self.recent.len() < MAX_RECENT
            && self.last.is_none_or(|last| now >= last + self.pause());
        if is_due {
            self.recent.push(now);
            self.last = Some(now);
            self.in_vain = self.in_vain.saturating_add(1);
        }
        is_due
    }

    /// The fresh worker did what the one before did not.
    pub(super) fn helped(&mut self) {
        self.in_vain = 0;
    }

    /// A task on a token succeeded, so it is there again.
    pub(super) fn worked(&mut self) {
        self.in_vain = self.in_vain.min(1);
    }

    fn pause(&self) -> Duration {
        match self.in_vain {
            0 => Duration::ZERO,
            failures => (FIRST * 2_u32.saturating_pow(failures - 1)).min(LONGEST),
        }
    }
}

const WINDOW: Duration = Duration::from_secs(10);
const MAX_RECENT: usize = 3;
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// The seconds until the next replacement.
    async fn wait(replacements: &mut Replacements) -> u64 {
        let mut seconds = 0;
        while !replacements.take() {
            advance(Duration::from_secs(1)).await;
            seconds += 1;
        }
        seconds
    }

    #[tokio::test(start_paused = true)]
    async fn replacements_in_vain_become_rare() {
        let mut replacements = Replacements::default();
        for expected in [0, 5, 10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(wait(&mut replacements).await, expected);
        }
        replacements.worked();
        assert_eq!(wait(&mut replacements).await, 5);
        replacements.helped();
        assert_eq!(wait(&mut replacements).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn replacements_that_help_are_few_too() {
        let mut replacements = Replacements::default();
        for expected in [0, 0, 0, 10, 0, 0, 10] {
            assert_eq!(wait(&mut replacements).await, expected);
            replacements.helped();
        }
    }
}
