//! The growing pauses between attempts: to find a bridge that is gone, or to watch a module.

/// The next pause in milliseconds.
pub(super) struct Backoff(u32);

impl Backoff {
    /// Starts with the shortest pause.
    pub(super) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    /// The next pause in milliseconds. A random part spreads the pages that lost the same bridge.
    pub(super) fn next(&mut self) -> u32 {
        let pause = self.0;
        self.0 = (pause * 2).min(LONGEST_PAUSE);
        pause / 2 + (f64::from(pause / 2) * js_sys::Math::random()) as u32
    }
}

const FIRST_PAUSE: u32 = 500;
const LONGEST_PAUSE: u32 = 30_000;
