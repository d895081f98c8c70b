//! Times and rates of several rounds, with how far the rounds lie apart.

use std::time::{Duration, Instant};

use serde_json::Value;

/// What one round measured, call by call, in microseconds.
pub struct Samples(Vec<f64>);

impl Samples {
    /// From times in any order.
    pub fn new(mut times: Vec<f64>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// From a list in JSON.
    pub fn of_json(times: &Value) -> Self {
        let times = times.as_array().expect("times").iter();
        Self::new(times.map(|time| time.as_f64().expect("a time")).collect())
    }

    /// The time that half of the calls stay under.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The time that 99 of 100 calls stay under.
    pub fn p99(&self) -> f64 {
        self.0[self.0.len() * 99 / 100]
    }
}

/// The median of all rounds, with the lowest and the highest round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    /// The median round.
    pub median: f64,
    /// The lowest round.
    pub low: f64,
    /// The highest round.
    pub high: f64,
}

impl Figure {
    /// Of one value for each round.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        assert!(!rounds.is_empty(), "nothing was measured");
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], low: rounds[0], high: rounds[rounds.len() - 1] }
    }
}

/// Microseconds since `start`.
pub fn micros_since(start: Instant) -> f64 {
    micros(start.elapsed())
}

/// A duration in microseconds.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
