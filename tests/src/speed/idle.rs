//! What a bridge costs while nothing is asked of it.

use std::time::Duration;

use super::figures::Figure;
use super::growth::{resident, worker_memory};
use super::table::{Row, Target, Unit};
use super::testbed::{self, Testbed};
use crate::processes;

pub(super) async fn rows(testbed: &mut Testbed) -> Vec<Row> {
    let fresh = testbed::setup(&testbed.token).start();
    let memory = resident(fresh.pid());
    let memory = Row::new("memory of a bridge without connections", Unit::Megabytes, memory);
    drop(fresh);
    let mut rows = vec![memory.target(Target::at_most(10.0, ""))];
    rows.push(worker_memory(testbed, "memory of a worker that has signed"));
    let of_bridge = ("bridge", testbed.bridge.pid());
    let of_worker = ("worker", testbed.bridge.workers()[0].pid);
    for (name, pid) in [of_bridge, of_worker] {
        let (ticks, switches) = processes::activity(pid).expect("it runs");
        tokio::time::sleep(LOOK).await;
        let (later_ticks, later_switches) = processes::activity(pid).expect("it runs");
        let of = |count: u64| Figure::of([count as f64]);
        let name = |what: &str| format!("{name}, {what} in {} s", LOOK.as_secs());
        let ticks = Row::new(name("10 ms of processor"), Unit::Count, of(later_ticks - ticks));
        let switches = Row::new(name("wake-ups"), Unit::Count, of(later_switches - switches));
        rows.push(ticks.target(Target::at_most(0.0, "")));
        rows.push(switches.target(Target::at_most(0.0, "")));
    }
    rows
}

const LOOK: Duration = Duration::from_secs(5);
