//! A load run on one bridge and a real SoftHSM2 token. Many pages of several origins keep many
//! requests in flight. Meanwhile the run kills workers, cuts connections in the middle of a frame,
//! and exceeds limits. It counts the outcome of every request and verifies every answer.

mod chaos;
mod connection;
mod counters;
mod footprint;
mod in_flight;
mod page;
mod report;
mod request;
mod sender;
mod testbed;
mod verifier;
mod workload;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::bridge::{Setup, workers_of};
use crate::processes;
use chaos::Chaos;
use counters::SharedCounters;
use footprint::FootprintSampler;
use page::Page;
use testbed::Testbed;

pub use counters::Counters;
pub use footprint::{Footprint, Footprints};
pub use report::Report;

/// The size and duration of a load run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How long the pages send requests.
    pub duration: Duration,
    /// The number of origins.
    pub origins: usize,
    /// The number of connections of all origins together.
    pub connections: usize,
    /// The number of requests in flight on each connection.
    pub in_flight: usize,
    /// The time between two rounds of disruptions.
    pub disruption_interval: Duration,
}

impl Plan {
    /// 64 connections of 8 origins, 32 requests in flight on each, and disruptions
    /// every two seconds.
    pub fn of(duration: Duration) -> Self {
        let disruption_interval = Duration::from_secs(2);
        Self { duration, origins: 8, connections: 64, in_flight: 32, disruption_interval }
    }
}

/// Runs the load, and returns after everything that it started has ended.
pub async fn run(plan: Plan) -> Report {
    let testbed = Arc::new(Testbed::new(plan.origins));
    let mut setup = Setup::new().token(&testbed.token).config(&testbed.configuration());
    for origin in &testbed.origins {
        setup = setup.origin(origin);
    }
    let bridge = setup.start();
    let counters = Arc::new(SharedCounters::default());
    let sampler = FootprintSampler::start(bridge.pid());

    let stop = CancellationToken::new();
    let mut pages = Vec::new();
    let mut disruptions = Vec::new();
    for number in 0..plan.connections {
        let (page, disruption) =
            Page::new(number, plan.in_flight, &testbed, &counters, bridge.address());
        pages.push(tokio::spawn(page.run(stop.clone())));
        disruptions.push(disruption);
    }
    let start = Instant::now();
    Chaos::new(plan, &bridge, Arc::clone(&counters), disruptions).run().await;
    stop.cancel();
    for page in pages {
        page.await.expect("no page panics");
    }
    let elapsed = start.elapsed();

    let leftover_workers = leftover_workers(bridge.pid()).await;
    let footprints = sampler.finish();
    testbed.verifier.verify_sample_with_openssl(&testbed.token, &counters);
    // Dropping the bridge fails the run if the bridge wrote a secret.
    drop(bridge);
    Report { plan, elapsed, counters: counters.snapshot(), footprints, leftover_workers }
}

/// The number of workers that still run some time after all pages have closed.
async fn leftover_workers(bridge: u32) -> usize {
    let count = move || {
        processes::wait_until(WORKER_END_LIMIT, || workers_of(bridge).is_empty());
        workers_of(bridge).len()
    };
    tokio::task::spawn_blocking(count).await.expect("the task does not panic")
}

const WORKER_END_LIMIT: Duration = Duration::from_secs(30);
