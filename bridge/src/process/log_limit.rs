//! Limits how often events of one kind are logged. The first event of a source is logged at once.
//! Later ones within the interval are counted, and logged together at its end.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::lock::lock;

/// The events of many sources, such as origins.
pub(crate) struct LogLimit<S> {
    interval: Duration,
    sources: Mutex<HashMap<S, Logged>>,
}

struct Logged {
    /// When the source may be logged again.
    next: Instant,
    /// The events since the last line.
    count: u64,
}

impl<S: Clone + Eq + Hash + Send + 'static> LogLimit<S> {
    pub(crate) fn new(interval: Duration) -> Arc<Self> {
        Arc::new(Self { interval, sources: Mutex::default() })
    }

    /// Reports an event. Calls `log` with the number of events: now, or at the end of the interval.
    /// Drops the event if too many sources report events.
    pub(crate) fn event(self: &Arc<Self>, source: &S, log: impl FnOnce(u64) + Send + 'static) {
        let (now, mut sources) = (Instant::now(), lock(&self.sources));
        if let Some(logged) = sources.get_mut(source)
            && now < logged.next
        {
            logged.count += 1;
            if logged.count == 1 {
                self.log_later(source.clone(), logged.next, log);
            }
            return;
        }
        if sources.len() >= MAX_SOURCES {
            sources.retain(|_, logged| now < logged.next);
        }
        if sources.len() < MAX_SOURCES {
            sources.insert(source.clone(), Logged { next: now + self.interval, count: 0 });
            drop(sources);
            log(1);
        }
    }

    fn log_later(
        self: &Arc<Self>,
        source: S,
        time: Instant,
        log: impl FnOnce(u64) + Send + 'static,
    ) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            sleep_until(time).await;
            let next = Instant::now() + this.interval;
            let logged = lock(&this.sources).insert(source, Logged { next, count: 0 });
            log(logged.map_or(0, |logged| logged.count));
        });
    }
}

/// A hostile program can claim any number of origins.
const MAX_SOURCES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_source_is_logged_once_in_an_interval_with_the_count() {
        let limit = LogLimit::new(Duration::from_secs(60));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let report = |source: &'static str| {
            let lines = Arc::clone(&lines);
            limit.event(&source, move |count| lock(&lines).push((source, count)));
        };
        for _ in 0..5 {
            report("a");
        }
        report("b");
        assert_eq!(*lock(&lines), [("a", 1), ("b", 1)]);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(*lock(&lines), [("a", 1), ("b", 1), ("a", 4)]);
        // The line with the count begins the next interval.
        report("a");
        report("b");
        assert_eq!(lock(&lines)[3..], [("b", 1)]);
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(lock(&lines)[4..], [("a", 1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_number_of_sources_is_bounded() {
        let limit = LogLimit::new(Duration::from_secs(60));
        let lines = Arc::new(Mutex::new(0));
        for source in 0..10_000 {
            let lines = Arc::clone(&lines);
            limit.event(&source, move |_| *lock(&lines) += 1);
        }
        assert_eq!(*lock(&lines), MAX_SOURCES);
        tokio::time::sleep(Duration::from_secs(61)).await;
        limit.event(&0, move |_| *lock(&lines) += 1);
        assert_eq!(lock(&limit.sources).len(), 1);
    }
}
