//! Time, memory and wake-ups: of an idle bridge, with many certificates, and with many connections.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::direct::Key;
use super::page::{Page, Request};
use super::statistics::Summary;
use super::table::{Row, Target, Unit};
use super::testbed::{self, Testbed};
use crate::bridge::ORIGIN;
use crate::processes;

/// What the bridge and its worker use while no page calls.
pub(super) async fn idle_rows(testbed: &mut Testbed) -> Vec<Row> {
    let fresh = testbed::setup(&testbed.token).start();
    let memory = resident_memory(fresh.pid());
    let memory = Row::new("memory of a bridge without connections", Unit::Megabytes, memory);
    drop(fresh);
    let mut rows = vec![memory.target(Target::at_most(10.0, ""))];
    rows.push(worker_memory(testbed, "memory of a worker that has signed"));
    let bridge = ("bridge", testbed.bridge.pid());
    let worker = ("worker", testbed.bridge.workers()[0].pid);
    for (name, pid) in [bridge, worker] {
        let (ticks, switches) = processes::activity(pid).expect("the process runs");
        tokio::time::sleep(IDLE_TIME).await;
        let (later_ticks, later_switches) = processes::activity(pid).expect("the process runs");
        let of = |count: u64| Summary::of([count as f64]);
        let name = |what: &str| format!("{name}, {what} in {} s", IDLE_TIME.as_secs());
        let ticks = Row::new(name("10 ms of processor"), Unit::Count, of(later_ticks - ticks));
        let switches = Row::new(name("wake-ups"), Unit::Count, of(later_switches - switches));
        rows.push(ticks.target(Target::at_most(0.0, "")));
        rows.push(switches.target(Target::at_most(0.0, "")));
    }
    rows
}

pub(super) async fn certificate_rows(testbed: &mut Testbed) -> Vec<Row> {
    let slot = testbed.token.slot();
    let list = Request::new("certificates", &json!({ "slot_id": slot }));
    let sign = Request::sign(slot, Key::P256);
    let (mut lists, mut signatures, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let mut fewer = None::<(Summary, Summary)>;
    let mut one = None::<(Summary, Summary)>;
    for count in [1, 10, 100, 1000] {
        testbed.direct.set_certificates(count);
        let (mut listed, mut listed_direct) = (Vec::new(), Vec::new());
        let (mut signed, mut signed_direct) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let calls = 200_usize.div_ceil(count);
            listed.push(testbed.page.calls(&list, calls).await.median());
            listed_direct.push(testbed.direct.certificates(calls).median());
            signed.push(testbed.page.calls(&sign, SIGNATURES).await.median());
            signed_direct.push(testbed.direct.sign(Key::P256, SIGNATURES).median());
        }
        let (ours, direct) = (Summary::of(listed), Summary::of(listed_direct));
        let row = Row::new(format!("certificates, {count} of them"), Unit::Micros, ours);
        lists.push(match fewer.replace((ours, direct)) {
            None => row.direct(direct),
            Some((fewer, fewer_direct)) => {
                // SoftHSM2's own time may grow more than tenfold.
                let growth = (direct.median / fewer_direct.median).max(10.0);
                let most = Target::at_most(growth * fewer.median, "10 × a tenth, or as direct");
                row.direct(direct).target(most)
            }
        });
        let (ours, direct) = (Summary::of(signed), Summary::of(signed_direct));
        let row = Row::new(format!("P-256, {count} certificates"), Unit::Micros, ours);
        let (with_one, with_one_direct) = *one.get_or_insert((ours, direct));
        let most = 1.25 * (with_one.median - with_one_direct.median + direct.median);
        let most = Target::at_most(most, "1.25 × (direct + what 1 adds)");
        let row = row.direct(direct);
        signatures.push(if count > 1 { row.target(most) } else { row });
        let name = |process: &str| format!("memory of the {process}, {count} certificates");
        memory.push(worker_memory(testbed, &name("worker")));
        memory.push(bridge_memory(testbed, &name("bridge")));
    }
    [lists, signatures, memory].concat()
}

pub(super) async fn connection_rows(testbed: &mut Testbed) -> Vec<Row> {
    let sign = Request::sign(testbed.token.slot(), Key::P256);
    let mut pages: Vec<Page> = Vec::new();
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    let mut before = None::<Summary>;
    for count in [1, 4, 16, 63] {
        while pages.len() < count {
            pages.push(Page::open(testbed.bridge.address(), ORIGIN).await);
        }
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let all = pages.iter_mut().map(|page| page.calls(&sign, 1 + 800 / count));
            let medians = join_all(all).await.into_iter().map(|samples| samples.median());
            rounds.push(Summary::of(medians).median);
        }
        let summary = Summary::of(rounds);
        let name = format!("P-256, one by one on each of {count}");
        let row = Row::new(name, Unit::Micros, summary);
        times.push(match before.replace(summary) {
            None => row,
            Some(fewer) => row.target(Target::at_most(4.0 * fewer.median, "4 × a quarter of them")),
        });
        // The testbed's own page is connected too.
        memory.push(bridge_memory(testbed, &format!("memory, {} connections", pages.len() + 1)));
    }
    [times, memory].concat()
}

fn bridge_memory(testbed: &Testbed, name: &str) -> Row {
    Row::new(name, Unit::Megabytes, resident_memory(testbed.bridge.pid()))
}

/// The memory of the worker. The reference is the module's memory in a process that only calls it.
fn worker_memory(testbed: &mut Testbed, name: &str) -> Row {
    let module = megabytes(testbed.direct.module_memory());
    let worker = &testbed.bridge.workers()[0];
    let row = Row::new(name, Unit::Megabytes, resident_memory(worker.pid));
    let most = Target::at_most(module + 10.0, "the module's own + 10 MB");
    row.direct(Summary::of([module])).target(most)
}

fn resident_memory(pid: u32) -> Summary {
    let (now, _) = processes::memory(pid).expect("the process runs");
    Summary::of([megabytes(now as f64)])
}

fn megabytes(bytes: f64) -> f64 {
    bytes / 1e6
}

const IDLE_TIME: Duration = Duration::from_secs(5);
const ROUNDS: usize = 9;
const SIGNATURES: usize = 200;
