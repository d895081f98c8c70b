//! What comes of many certificates and of many connections: time and memory at each step.

use futures_util::future::join_all;
use serde_json::json;

use super::direct::Key;
use super::figures::Figure;
use super::page::{Page, Request};
use super::table::{Row, Target, Unit};
use super::testbed::Testbed;
use crate::bridge::ORIGIN;
use crate::processes;

pub(super) async fn certificates(testbed: &mut Testbed) -> Vec<Row> {
    let slot = testbed.token.slot();
    let list = Request::new("certificates", &json!({ "slot_id": slot }));
    let sign = Request::sign(slot, Key::P256);
    let (mut lists, mut signatures, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    let mut fewer = None::<(Figure, Figure)>;
    let mut one = None::<(Figure, Figure)>;
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
        let (ours, direct) = (Figure::of(listed), Figure::of(listed_direct));
        let row = Row::new(format!("certificates, {count} of them"), Unit::Micros, ours);
        lists.push(match fewer.replace((ours, direct)) {
            None => row.direct(direct),
            Some((fewer, fewer_direct)) => {
                // SoftHSM2 itself may come to more than ten times.
                let growth = (direct.median / fewer_direct.median).max(10.0);
                let most = Target::at_most(growth * fewer.median, "10 × a tenth, or as direct");
                row.direct(direct).target(most)
            }
        });
        let (ours, direct) = (Figure::of(signed), Figure::of(signed_direct));
        let row = Row::new(format!("P-256, {count} certificates"), Unit::Micros, ours);
        let (with_one, with_one_direct) = *one.get_or_insert((ours, direct));
        let most = 1.25 * (with_one.median - with_one_direct.median + direct.median);
        let most = Target::at_most(most, "1.25 × (direct + what 1 adds)");
        let row = row.direct(direct);
        signatures.push(if count > 1 { row.target(most) } else { row });
        let of = |whose: &str| format!("memory of the {whose}, {count} certificates");
        memory.push(worker_memory(testbed, &of("worker")));
        memory.push(bridge_memory(testbed, &of("bridge")));
    }
    [lists, signatures, memory].concat()
}

pub(super) async fn connections(testbed: &mut Testbed) -> Vec<Row> {
    let sign = Request::sign(testbed.token.slot(), Key::P256);
    let mut pages: Vec<Page> = Vec::new();
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    let mut before = None::<Figure>;
    for count in [1, 4, 16, 63] {
        while pages.len() < count {
            pages.push(Page::open(testbed.bridge.address(), ORIGIN).await);
        }
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let all = pages.iter_mut().map(|page| page.calls(&sign, 1 + 800 / count));
            let medians = join_all(all).await.into_iter().map(|samples| samples.median());
            rounds.push(Figure::of(medians).median);
        }
        let figure = Figure::of(rounds);
        let name = format!("P-256, one by one on each of {count}");
        let row = Row::new(name, Unit::Micros, figure);
        times.push(match before.replace(figure) {
            None => row,
            Some(fewer) => row.target(Target::at_most(4.0 * fewer.median, "4 × a quarter of them")),
        });
        // That of all other measurements is there, too.
        memory.push(bridge_memory(testbed, &format!("memory, {} connections", pages.len() + 1)));
    }
    [times, memory].concat()
}

fn bridge_memory(testbed: &Testbed, name: &str) -> Row {
    Row::new(name, Unit::Megabytes, resident(testbed.bridge.pid()))
}

/// The worker's memory beside what the module takes of a process that only calls it.
pub(super) fn worker_memory(testbed: &mut Testbed, name: &str) -> Row {
    let module = megabytes(testbed.direct.memory_of_module());
    let worker = &testbed.bridge.workers()[0];
    let row = Row::new(name, Unit::Megabytes, resident(worker.pid));
    let most = Target::at_most(module + 10.0, "the module's own + 10 MB");
    row.direct(Figure::of([module])).target(most)
}

/// Memory of a process now.
pub(super) fn resident(pid: u32) -> Figure {
    let (now, _) = processes::memory(pid).expect("it runs");
    Figure::of([megabytes(now as f64)])
}

fn megabytes(bytes: f64) -> f64 {
    bytes / 1e6
}

const ROUNDS: usize = 9;
const SIGNATURES: usize = 200;
