//! How many signatures are in flight. Their checks run on other threads, so that all cores work.
//! The way there and back would only delay a signature that is alone.

use std::sync::atomic::{AtomicUsize, Ordering};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A signature in flight, from its call to its check.
pub(super) struct InFlight(());

impl InFlight {
    pub(super) fn begin() -> Self {
        COUNT.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    /// Whether at most one signature is in flight.
    pub(super) fn is_alone() -> bool {
        COUNT.load(Ordering::Relaxed) <= 1
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}
