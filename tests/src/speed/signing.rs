//! Signatures of a page that is logged in: one after the other, many in flight, and in one batch.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::direct::Key;
use super::page::{Request, sign_params};
use super::statistics::Summary;
use super::table::{Row, Target, Unit};
use super::testbed::Testbed;

/// One value for each round.
#[derive(Default)]
struct Rounds {
    direct: Vec<f64>,
    echo: Vec<f64>,
    ours: Vec<f64>,
    p99: Vec<f64>,
    p11_kit: Vec<f64>,
    check: Vec<f64>,
}

pub(super) async fn rows(testbed: &mut Testbed) -> Vec<Row> {
    let mut rows = Vec::new();
    for key in Key::ALL {
        rows.extend(one_by_one(testbed, key).await);
    }
    for key in Key::ALL {
        rows.extend(in_flight(testbed, key).await);
    }
    rows
}

async fn one_by_one(testbed: &mut Testbed, key: Key) -> Vec<Row> {
    let count = match key {
        Key::P256 => 250,
        Key::Rsa2048 => 80,
    };
    let (sign, echo) = (Request::sign(testbed.token.slot(), key), Request::echo());
    let mut rounds = Rounds::default();
    for _ in 0..ROUNDS {
        rounds.direct.push(testbed.direct.sign(key, count).median());
        rounds.echo.push(testbed.echo_page.calls(&echo, count).await.median());
        let ours = testbed.page.calls(&sign, count).await;
        rounds.ours.push(ours.median());
        rounds.p99.push(ours.p99() / ours.median());
        rounds.p11_kit.push(testbed.p11_kit.sign(key, count).median());
        rounds.check.push(testbed.direct.check(key, count).median());
    }
    let name = key.key_type().name();
    let (direct, echo) = (Summary::of(rounds.direct), Summary::of(rounds.echo));
    let (p11_kit, check) = (Summary::of(rounds.p11_kit), Summary::of(rounds.check));
    let most = Target::at_most(direct.median + 2.5 * echo.median, "direct + 2.5 × echo");
    let ours = Row::new(format!("{name}, one by one"), Unit::Micros, Summary::of(rounds.ours));
    vec![
        Row::reference("echo of 300 bytes", Unit::Micros, echo),
        Row::reference(format!("check of a {name} signature"), Unit::Micros, check),
        ours.direct(direct)
            .p11_kit(p11_kit)
            .target(most)
            .target(Target::at_most(p11_kit.median, "p11-kit")),
        Row::new(format!("{name}, p99 by median"), Unit::Ratio, Summary::of(rounds.p99))
            .target(Target::at_most(2.5, "")),
    ]
}

async fn in_flight(testbed: &mut Testbed, key: Key) -> Vec<Row> {
    let sign = Request::sign(testbed.token.slot(), key);
    let mut rows = Vec::new();
    for in_flight in [1, 8, 32] {
        let mut rounds = Rounds::default();
        for _ in 0..RATE_ROUNDS {
            let seconds = RATE_TIME.as_secs_f64();
            rounds.direct.push(testbed.direct.sign_rate(key, in_flight.min(2), seconds));
            rounds.ours.push(testbed.page.rate(&sign, in_flight, RATE_TIME).await);
            rounds.p11_kit.push(testbed.p11_kit.sign_rate(key, in_flight, seconds));
        }
        let direct = Summary::of(rounds.direct);
        let name = format!("{}, {in_flight} in flight", key.key_type().name());
        let row = Row::new(name, Unit::PerSecond, Summary::of(rounds.ours));
        let row = row.direct(direct).p11_kit(Summary::of(rounds.p11_kit));
        rows.push(if in_flight == 32 {
            let share = if key == Key::P256 { 0.33 } else { 0.8 };
            row.target(Target::at_least(share * direct.median, format!("{share} × direct")))
        } else {
            row
        });
    }
    rows
}

/// A batch of many signatures, compared with single signatures in flight.
pub(super) async fn batch_rows(testbed: &mut Testbed) -> Vec<Row> {
    let mut rows = Vec::new();
    for key in Key::ALL {
        let slot = testbed.token.slot();
        let sign = Request::sign(slot, key);
        let mut params = sign_params(slot, key);
        params["data"] = vec![params["data"].clone(); BATCH].into();
        let (mut batches, mut calls) = (Vec::new(), Vec::new());
        for _ in 0..BATCH_ROUNDS {
            let start = Instant::now();
            let items = testbed.page.call("signDataBatch", params.clone()).await;
            batches.push(BATCH as f64 / start.elapsed().as_secs_f64());
            assert_all_signed(&items);
            calls.push(testbed.page.rate(&sign, 32, BATCH_RATE_TIME).await);
        }
        let calls = Summary::of(calls);
        let name = format!("{}, a batch of {BATCH}", key.key_type().name());
        let least = Target::at_least(0.9 * calls.median, "0.9 × 32 calls in flight");
        rows.push(Row::new(name, Unit::PerSecond, Summary::of(batches)).target(least));
    }
    rows
}

fn assert_all_signed(items: &Value) {
    let items = items.as_array().expect("a list");
    assert_eq!(items.len(), BATCH);
    assert!(items.iter().all(|item| item.get("signature").is_some()), "an item failed");
}

/// Many short rounds, because other programs can slow the machine down for seconds.
const ROUNDS: usize = 25;
const RATE_ROUNDS: usize = 13;
const RATE_TIME: Duration = Duration::from_millis(300);
const BATCH: usize = 1000;
const BATCH_ROUNDS: usize = 5;
const BATCH_RATE_TIME: Duration = Duration::from_millis(500);
