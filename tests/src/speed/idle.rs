//! What a bridge costs while nothing is asked of it.

use std::time::Duration;

use super::figures::Figure;
use super::ground::{self, Ground};
use super::growth::{resident, worker_memory};
use super::table::{Row, Target, Unit};
use crate::processes;

pub(super) async fn rows(ground: &mut Ground) -> Vec<Row> {
    let fresh = ground::setup(&ground.token).start();
    let memory = resident(fresh.pid());
    let memory = Row::new("memory of a bridge without connections", Unit::Megabytes, memory);
    drop(fresh);
    let mut rows = vec![memory.target(Target::at_most(10.0, ""))];
    rows.push(worker_memory(ground, "memory of a worker that has signed"));
    let of_bridge = ("bridge", ground.bridge.pid());
    let of_worker = ("worker", ground.bridge.workers()[0].pid);
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
