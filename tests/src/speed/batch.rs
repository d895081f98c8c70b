//! A batch of a thousand signatures, beside as many calls of their own.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::direct::Key;
use super::figures::Figure;
use super::page::{Request, sign_params};
use super::table::{Row, Target, Unit};
use super::testbed::Testbed;

pub(super) async fn rows(testbed: &mut Testbed) -> Vec<Row> {
    let mut rows = Vec::new();
    for key in Key::ALL {
        let slot = testbed.token.slot();
        let sign = Request::sign(slot, key);
        let mut params = sign_params(slot, key);
        params["data"] = vec![params["data"].clone(); BATCH].into();
        let (mut batches, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let items = testbed.page.call("signDataBatch", params.clone()).await;
            batches.push(BATCH as f64 / start.elapsed().as_secs_f64());
            check(&items);
            calls.push(testbed.page.rate(&sign, 32, RATE_TIME).await);
        }
        let calls = Figure::of(calls);
        let name = format!("{}, a batch of {BATCH}", key.key_type().name());
        let least = Target::at_least(0.9 * calls.median, "0.9 × 32 calls in flight");
        rows.push(Row::new(name, Unit::PerSecond, Figure::of(batches)).target(least));
    }
    rows
}

fn check(items: &Value) {
    let items = items.as_array().expect("a list");
    assert_eq!(items.len(), BATCH);
    assert!(items.iter().all(|item| item.get("signature").is_some()), "one failed");
}

const BATCH: usize = 1000;
const ROUNDS: usize = 5;
const RATE_TIME: Duration = Duration::from_millis(500);
