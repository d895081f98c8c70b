//! What only a bridge tells that was built with the feature `measure`: where the time of a call goes, and how fast
//! it is where signatures are not checked.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::direct::Key;
use super::figures::Figure;
use super::page::{Page, Request};
use super::table::{Row, Target, Unit};
use super::testbed::{self, Testbed};
use crate::bridge::{Bridge, ORIGIN};
use crate::program::STOP_LIMIT;
use crate::{processes, workspace};

/// Where a call of one P-256 signature spends its time, one call after the other.
pub(super) async fn profile(testbed: &mut Testbed) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let bridge = start(testbed, "PKCS11_BRIDGE_TRACE_POINTS", folder.path().into());
    let mut page = open(&bridge, testbed).await;
    let sign = Request::sign(testbed.token.slot(), Key::P256);
    page.calls(&sign, WARM_UP).await;
    let (mut sent, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        sent.push(now());
        page.calls(&sign, 1).await;
        answered.push(now());
    }
    let direct = Figure::of([testbed.direct.sign(Key::P256, CALLS).median()]);
    let check = Figure::of([testbed.direct.check(Key::P256, CALLS).median()]);
    let pids = [bridge.pid(), bridge.workers()[0].pid];
    drop(page);
    let times =
        written_down(bridge, pids.map(|pid| folder.path().join(pid.to_string())), sent, answered);
    let row = |at: usize, name: &str| {
        let mut spent: Vec<_> = times[at + 1].iter().zip(&times[at]).map(difference).collect();
        spent.sort_by(f64::total_cmp);
        let tenth = |n: usize| spent[spent.len() * n / 10];
        let figure = Figure { median: tenth(5), low: tenth(1), high: tenth(9) };
        Row::new(name, Unit::Micros, figure)
    };
    vec![
        row(0, "WebSocket, read"),
        row(1, "parse"),
        row(2, "pipe, to the worker"),
        row(3, "look up the key"),
        row(4, "module").direct(direct),
        row(5, "check").direct(check),
        row(6, "pipe, back to the bridge"),
        row(7, "WebSocket, write"),
    ]
}

/// Signatures that nobody checks, as far as the benchmark alone can have them.
pub(super) async fn unchecked(testbed: &mut Testbed) -> Vec<Row> {
    let bridge = start(testbed, "PKCS11_BRIDGE_UNCHECKED", "1".into());
    let mut page = open(&bridge, testbed).await;
    let sign = Request::sign(testbed.token.slot(), Key::P256);
    let (mut ours, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(testbed.direct.sign_rate(Key::P256, 2, RATE_TIME.as_secs_f64()));
        ours.push(page.rate(&sign, 32, RATE_TIME).await);
    }
    let direct = Figure::of(direct);
    let row = Row::new("P-256, 32 in flight, not checked", Unit::PerSecond, Figure::of(ours));
    vec![row.direct(direct).target(Target::at_least(0.5 * direct.median, "0.5 × direct"))]
}

fn start(testbed: &Testbed, variable: &'static str, value: PathBuf) -> Bridge {
    let binary = workspace().join("target/bench/pkcs11-bridge-measured");
    assert!(binary.is_file(), "there is no {}: run `make bench`", binary.display());
    testbed::setup(&testbed.token).binary(binary).environment(variable, value).start()
}

async fn open(bridge: &Bridge, testbed: &Testbed) -> Page {
    let mut page = Page::open(bridge.address(), ORIGIN).await;
    page.log_in(testbed.token.slot()).await;
    page
}

/// When each call came to each stage: those that the bridge and its worker write down when they end, between
/// when it was sent and answered.
fn written_down(
    mut bridge: Bridge,
    files: [PathBuf; 2],
    sent: Vec<i64>,
    answered: Vec<i64>,
) -> Vec<Vec<i64>> {
    bridge.stop();
    let all_there = processes::wait_until(STOP_LIMIT, || files.iter().all(|file| file.is_file()));
    assert!(all_there, "the stages were not written down");
    let mut stages = vec![Vec::new(); STAGES];
    for file in files {
        for line in read(&file).lines() {
            let (stage, time) = line.split_once(' ').expect("a stage and a time");
            let stage: usize = stage.parse().expect("a number");
            stages[stage].push(time.parse().expect("a time"));
        }
    }
    // Those of the login and of the warm-up come first.
    let last = |mut times: Vec<i64>| times.split_off(times.len() - CALLS);
    let stages = stages.into_iter().map(last);
    std::iter::once(sent).chain(stages).chain([answered]).collect()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a file")
}

fn difference((later, earlier): (&i64, &i64)) -> f64 {
    (later - earlier) as f64 / 1e3
}

/// Nanoseconds of the clock that all processes have in common.
fn now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Those of the bridge's `stages.rs`.
const STAGES: usize = 7;
const WARM_UP: usize = 500;
const CALLS: usize = 2000;
const ROUNDS: usize = 7;
const RATE_TIME: Duration = Duration::from_millis(500);
