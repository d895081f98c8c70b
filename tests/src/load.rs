//! A load run: many pages of several origins on one bridge and a real SoftHSM2 token, each with many requests in
//! flight, while workers are killed, connections cut off in the middle of a frame, and limits run into. What comes
//! of every single request is kept account of, and every answer is compared with what was asked for.

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
use footprint::Watch;
use page::Page;
use testbed::Testbed;

pub use counters::Counters;
pub use footprint::{Footprint, Footprints};
pub use report::Report;

/// How much load, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How long requests are sent.
    pub duration: Duration,
    /// How many origins there are.
    pub origins: usize,
    /// How many connections they have together.
    pub connections: usize,
    /// How many requests are in flight on each.
    pub in_flight: usize,
    /// How often a worker is killed, a connection cut off and a limit run into.
    pub disruption_interval: Duration,
}

impl Plan {
    /// 64 connections of 8 origins, 32 requests in flight on each, and disruption every two seconds.
    pub fn of(duration: Duration) -> Self {
        let disruption_interval = Duration::from_secs(2);
        Self { duration, origins: 8, connections: 64, in_flight: 32, disruption_interval }
    }
}

/// Runs it, and returns when everything that it started has ended.
pub async fn run(plan: Plan) -> Report {
    let testbed = Arc::new(Testbed::new(plan.origins));
    let mut setup = Setup::new().token(&testbed.token).config(&testbed.configuration());
    for origin in &testbed.origins {
        setup = setup.origin(origin);
    }
    let bridge = setup.start();
    let counters = Arc::new(SharedCounters::default());
    let watch = Watch::start(bridge.pid());

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

    let left_over = left_over(bridge.pid()).await;
    let footprints = watch.finish();
    testbed.verifier.confirm_by_openssl(&testbed.token, &counters);
    // Here, where a secret in what the bridge wrote fails the run.
    drop(bridge);
    Report { plan, elapsed, figures: counters.figures(), footprints, left_over }
}

/// How many workers are left when all pages have gone and they have had time to end.
async fn left_over(bridge: u32) -> usize {
    let look = move || {
        processes::wait_until(ENDING_LIMIT, || workers_of(bridge).is_empty());
        workers_of(bridge).len()
    };
    tokio::task::spawn_blocking(look).await.expect("nobody panics")
}

const ENDING_LIMIT: Duration = Duration::from_secs(30);
