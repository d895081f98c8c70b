//! When a bridge that a service manager starts at each connection ends again.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Measures how long nothing has used the bridge.
pub(super) struct Idle {
    limit: Option<Duration>,
    since: Instant,
}

impl Idle {
    /// Without a limit, the bridge never ends.
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { limit, since: Instant::now() }
    }

    /// Something has used the bridge just now.
    pub(super) fn interrupt(&mut self) {
        self.since = Instant::now();
    }

    /// Waits until nothing has used the bridge for the whole limit. May be called again and again.
    pub(super) async fn too_long(&mut self, is_busy: impl Fn() -> bool) {
        let Some(limit) = self.limit else { return std::future::pending().await };
        loop {
            if is_busy() {
                self.interrupt();
            }
            let left = limit.saturating_sub(self.since.elapsed());
            if left.is_zero() {
                return;
            }
            sleep(left.min(CHECK_INTERVAL)).await;
        }
    }
}

const CHECK_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::time::timeout;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);

    #[tokio::test(start_paused = true)]
    async fn the_time_counts_from_the_last_use() {
        let mut idle = Idle::new(Some(LIMIT));
        let is_busy = Cell::new(true);
        assert!(timeout(LIMIT * 3, idle.too_long(|| is_busy.get())).await.is_err());
        is_busy.set(false);
        assert!(timeout(LIMIT / 2, idle.too_long(|| is_busy.get())).await.is_err());
        idle.interrupt();
        assert!(timeout(LIMIT * 2 / 3, idle.too_long(|| is_busy.get())).await.is_err());
        assert!(timeout(LIMIT / 2, idle.too_long(|| is_busy.get())).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_bridge_without_a_limit_stays() {
        let mut idle = Idle::new(None);
        assert!(timeout(LIMIT * 100, idle.too_long(|| false)).await.is_err());
    }
}
