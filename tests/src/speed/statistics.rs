//! The statistics of a benchmark: the samples of one round, and the summary of all rounds.

use std::time::Instant;

use serde_json::Value;

/// The times of the calls of one round, in microseconds.
pub struct Samples(Vec<f64>);

impl Samples {
    /// Takes the times in any order.
    pub fn new(mut times: Vec<f64>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort_by(f64::total_cmp);
        Self(times)
    }

    /// Takes the times from a JSON array of numbers.
    pub fn from_json(times: &Value) -> Self {
        let times = times.as_array().expect("times").iter();
        Self::new(times.map(|time| time.as_f64().expect("a time")).collect())
    }

    /// The median time.
    pub fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    /// The 99th percentile.
    pub fn p99(&self) -> f64 {
        self.0[self.0.len() * 99 / 100]
    }
}

/// The median, lowest and highest value of all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// The value of the median round.
    pub median: f64,
    /// The value of the lowest round.
    pub low: f64,
    /// The value of the highest round.
    pub high: f64,
}

impl Summary {
    /// Summarizes one value for each round.
    pub fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<_> = rounds.into_iter().collect();
        assert!(!rounds.is_empty(), "nothing was measured");
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], low: rounds[0], high: rounds[rounds.len() - 1] }
    }
}

/// Microseconds since `start`.
pub fn micros_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}
