//! Signatures: one after the other, and many in flight.

use std::time::Duration;

use super::direct::Key;
use super::figures::Figure;
use super::page::Request;
use super::table::{Row, Target, Unit};
use super::testbed::Testbed;

#[derive(Default)]
struct Latency {
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
    let count = calls(key);
    let (sign, echo) = (Request::sign(testbed.token.slot(), key), Request::echo());
    let mut all = Latency::default();
    for _ in 0..ROUNDS {
        all.direct.push(testbed.direct.sign(key, count).median());
        all.echo.push(testbed.echo_page.calls(&echo, count).await.median());
        let ours = testbed.page.calls(&sign, count).await;
        all.ours.push(ours.median());
        all.p99.push(ours.p99() / ours.median());
        all.p11_kit.push(testbed.p11_kit.sign(key, count).median());
        all.check.push(testbed.direct.check(key, count).median());
    }
    let name = key.key_type().name();
    let (direct, echo) = (Figure::of(all.direct), Figure::of(all.echo));
    let p11_kit = Figure::of(all.p11_kit);
    let most = Target::at_most(direct.median + 2.5 * echo.median, "direct + 2.5 × echo");
    let ours = Row::new(format!("{name}, one by one"), Unit::Micros, Figure::of(all.ours));
    vec![
        Row::yardstick("echo of 300 bytes", Unit::Micros, echo),
        Row::yardstick(format!("check of a {name} signature"), Unit::Micros, Figure::of(all.check)),
        ours.direct(direct)
            .p11_kit(p11_kit)
            .target(most)
            .target(Target::at_most(p11_kit.median, "p11-kit")),
        Row::new(format!("{name}, p99 by median"), Unit::Times, Figure::of(all.p99))
            .target(Target::at_most(2.5, "")),
    ]
}

async fn in_flight(testbed: &mut Testbed, key: Key) -> Vec<Row> {
    let sign = Request::sign(testbed.token.slot(), key);
    let mut rows = Vec::new();
    for in_flight in [1, 8, 32] {
        let (mut ours, mut direct, mut p11_kit) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RATE_ROUNDS {
            direct.push(testbed.direct.sign_rate(key, in_flight.min(2), RATE_TIME.as_secs_f64()));
            ours.push(testbed.page.rate(&sign, in_flight, RATE_TIME).await);
            p11_kit.push(testbed.p11_kit.sign_rate(key, in_flight, RATE_TIME.as_secs_f64()));
        }
        let direct = Figure::of(direct);
        let name = format!("{}, {in_flight} in flight", key.key_type().name());
        let row = Row::new(name, Unit::PerSecond, Figure::of(ours));
        let row = row.direct(direct).p11_kit(Figure::of(p11_kit));
        rows.push(if in_flight == 32 {
            let share = if key == Key::P256 { 0.33 } else { 0.8 };
            let why = format!("{share} × direct");
            row.target(Target::at_least(share * direct.median, why))
        } else {
            row
        });
    }
    rows
}

fn calls(key: Key) -> usize {
    match key {
        Key::P256 => 250,
        Key::Rsa2048 => 80,
    }
}

/// Many and short: a machine that others use too is slower for seconds at a time.
const ROUNDS: usize = 25;
const RATE_ROUNDS: usize = 13;
const RATE_TIME: Duration = Duration::from_millis(300);
