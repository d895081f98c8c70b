//! What is done to the bridge during a load run, again and again: a worker is killed, a connection is cut off in
//! the middle of a frame, and each of the bridge's limits is run into.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pkcs11_bridge_protocol::call::Hello;
use pkcs11_bridge_protocol::message::Request;
use rustix::process::Signal;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::Message;

use super::Plan;
use super::counters::SharedCounters;
use crate::bridge::{Bridge, workers_of};
use crate::handshake::Handshake;
use crate::processes;

/// What a page can be told to do on its connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Disruption {
    CutInFrame,
    TooLongFrame,
    TooManyInFlight,
    TooLongBatch,
    TooManyWorkers,
}

const ALL: [Disruption; 5] = [
    Disruption::CutInFrame,
    Disruption::TooLongFrame,
    Disruption::TooManyInFlight,
    Disruption::TooLongBatch,
    Disruption::TooManyWorkers,
];

pub(super) struct Chaos {
    plan: Plan,
    /// Its process id.
    bridge: u32,
    address: SocketAddr,
    counters: Arc<SharedCounters>,
    pages: Vec<mpsc::Sender<Disruption>>,
}

impl Chaos {
    pub(super) fn new(
        plan: Plan,
        bridge: &Bridge,
        counters: Arc<SharedCounters>,
        pages: Vec<mpsc::Sender<Disruption>>,
    ) -> Self {
        Self { plan, bridge: bridge.pid(), address: bridge.address(), counters, pages }
    }

    /// Makes disruption until the run is over: when its time has come, and each kind of disruption has been there.
    pub(super) async fn run(self) {
        let end = Instant::now() + self.plan.duration;
        for round in 1.. {
            sleep(self.plan.disruption_interval).await;
            let disruptions = self.counters.figures().disruptions;
            let late = Instant::now().saturating_duration_since(end);
            if late > Duration::ZERO && (disruptions.have_all_happened() || late > PATIENCE) {
                return;
            }
            // A module whose workers keep dying is set aside: the one that was started last is killed until
            // that has been seen.
            let chain = round > CHAIN_FROM && disruptions.set_aside == 0;
            self.kill_a_worker(if chain { Victim::Youngest } else { Victim::OneOfTheOlder }).await;
            tokio::spawn(open_one_too_many(self.address, Arc::clone(&self.counters)));
            for disruption in ALL {
                let page = &self.pages[fastrand::usize(..self.pages.len())];
                // A page that has as much disruption as it can take is left alone.
                let _ = page.try_send(disruption);
            }
        }
    }

    async fn kill_a_worker(&self, whose: Victim) {
        let bridge = self.bridge;
        let killed = spawn_blocking(move || {
            let mut pids: Vec<_> = workers_of(bridge).iter().map(|worker| worker.pid).collect();
            pids.sort_by_key(|pid| processes::start_time(*pid));
            let pid = match whose {
                // So that each is killed about as often as the others.
                Victim::OneOfTheOlder => fastrand::choice(&pids[..pids.len().div_ceil(2)]).copied(),
                Victim::Youngest => pids.last().copied(),
            };
            pid.inspect(|pid| processes::signal(*pid, Signal::KILL)).is_some()
        });
        let killed = killed.await.expect("nobody panics");
        self.counters.count(|figures| figures.disruptions.workers_killed += u64::from(killed));
    }
}

/// Where all pages are connected, one more is refused.
async fn open_one_too_many(address: SocketAddr, counters: Arc<SharedCounters>) {
    let Ok(socket) = TcpStream::connect(address).await else { return };
    let handshake = Handshake::of(address).origin(Some("https://load-1.example"));
    let Ok(mut socket) = handshake.upgrade(socket).await else { return };
    let hello = Request::encode(1, &Hello {}).expect("a request");
    let _ = socket.send(Message::text(hello)).await;
    if let Some(Ok(Message::Close(Some(frame)))) = socket.next().await
        && u16::from(frame.code) == TRY_LATER
    {
        counters.count(|figures| figures.disruptions.too_many_connections += 1);
    }
    // A place that it had is needed by those that it belongs to.
    let _ = socket.close(None).await;
}

#[derive(Clone, Copy)]
enum Victim {
    OneOfTheOlder,
    Youngest,
}

const TRY_LATER: u16 = 1013;
const CHAIN_FROM: u64 = 2;
/// How long a busy machine may take over its time until each kind of disruption has been there.
const PATIENCE: Duration = Duration::from_secs(60);
