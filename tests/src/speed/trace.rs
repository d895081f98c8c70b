//! Where a call spends its time. Only a bridge with the feature `measure` records when a call
//! reaches its trace points; `make bench` builds one for this alone.

use std::fs;
use std::path::PathBuf;

use rustix::time::{ClockId, clock_gettime};

use super::direct::Key;
use super::page::{Page, Request};
use super::statistics::Summary;
use super::table::{Row, Unit};
use super::testbed::{self, Testbed};
use crate::bridge::{Bridge, ORIGIN};
use crate::program::STOP_LIMIT;
use crate::{processes, workspace};

/// One P-256 signature after the other, each from the request to the reply.
pub(super) async fn rows(testbed: &mut Testbed) -> Vec<Row> {
    let folder = tempfile::tempdir().expect("a folder");
    let binary = workspace().join("target/bench/pkcs11-bridge-measured");
    assert!(binary.is_file(), "{} is missing: run `make bench`", binary.display());
    let setup = testbed::setup(&testbed.token).binary(binary);
    let bridge = setup.environment(TRACE_FOLDER, folder.path()).start();
    let mut page = Page::open(bridge.address(), ORIGIN).await;
    page.log_in(testbed.token.slot()).await;
    let sign = Request::sign(testbed.token.slot(), Key::P256);
    page.calls(&sign, WARM_UP).await;
    let (mut sent, mut received) = (Vec::new(), Vec::new());
    for _ in 0..CALLS {
        sent.push(now());
        page.calls(&sign, 1).await;
        received.push(now());
    }
    let direct = Summary::of([testbed.direct.sign(Key::P256, CALLS).median()]);
    let check = Summary::of([testbed.direct.check(Key::P256, CALLS).median()]);
    let pids = [bridge.pid(), bridge.workers()[0].pid];
    drop(page);
    let traced = read_trace(bridge, pids.map(|pid| folder.path().join(pid.to_string())));
    let times: Vec<_> = [sent].into_iter().chain(traced).chain([received]).collect();
    let row = |at: usize, name: &str| {
        let mut spent: Vec<_> = times[at + 1].iter().zip(&times[at]).map(micros_between).collect();
        spent.sort_by(f64::total_cmp);
        let tenth = |n: usize| spent[spent.len() * n / 10];
        let summary = Summary { median: tenth(5), low: tenth(1), high: tenth(9) };
        Row::new(name, Unit::Micros, summary)
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

/// Stops the bridge, so that the bridge and its worker write their files. Returns the times of the
/// measured calls for each trace point.
fn read_trace(mut bridge: Bridge, files: [PathBuf; 2]) -> Vec<Vec<i64>> {
    bridge.stop();
    let written = processes::wait_until(STOP_LIMIT, || files.iter().all(|file| file.is_file()));
    assert!(written, "the bridge did not write its trace");
    let mut times = vec![Vec::new(); TRACE_POINTS];
    for file in files {
        for line in fs::read_to_string(file).expect("a file").lines() {
            let (point, time) = line.split_once(' ').expect("a trace point and a time");
            let point: usize = point.parse().expect("a number");
            times[point].push(time.parse().expect("a time"));
        }
    }
    // The calls of the login and of the warm-up come first.
    times.into_iter().map(|mut times| times.split_off(times.len() - CALLS)).collect()
}

fn micros_between((later, earlier): (&i64, &i64)) -> f64 {
    (later - earlier) as f64 / 1e3
}

/// Nanoseconds of the clock that all processes share.
fn now() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// The variable that names the folder for the trace files.
const TRACE_FOLDER: &str = "PKCS11_BRIDGE_TRACE_POINTS";
/// The number of trace points in the bridge's `trace_points.rs`.
const TRACE_POINTS: usize = 7;
const WARM_UP: usize = 500;
const CALLS: usize = 2000;
