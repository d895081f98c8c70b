//! The disruptions of a load run: it kills workers, cuts connections in the middle of a frame, and
//! exceeds each of the bridge's limits.

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

/// What a page does on its connection on command.
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
    /// The process id of the bridge.
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

    /// Disrupts the bridge until the time is over and each kind of disruption has happened.
    pub(super) async fn run(self) {
        let end = Instant::now() + self.plan.duration;
        for round in 1.. {
            sleep(self.plan.disruption_interval).await;
            let disruptions = self.counters.snapshot().disruptions;
            let late = Instant::now().saturating_duration_since(end);
            if late > Duration::ZERO && (disruptions.all_happened() || late > MAX_OVERTIME) {
                return;
            }
            // The bridge suspends a module if its workers die repeatedly. Killing the newest worker
            // each time leads to that.
            let kill_newest = round > KILL_NEWEST_FROM && disruptions.set_aside == 0;
            self.kill_worker(if kill_newest { Victim::Newest } else { Victim::Older }).await;
            tokio::spawn(open_extra_connection(self.address, Arc::clone(&self.counters)));
            for disruption in ALL {
                let page = &self.pages[fastrand::usize(..self.pages.len())];
                // A page with a full queue of disruptions gets no more.
                let _ = page.try_send(disruption);
            }
        }
    }

    async fn kill_worker(&self, victim: Victim) {
        let bridge = self.bridge;
        let killed = spawn_blocking(move || {
            let mut pids: Vec<_> = workers_of(bridge).iter().map(|worker| worker.pid).collect();
            pids.sort_by_key(|pid| processes::start_time(*pid));
            let pid = match victim {
                // A random choice, so that workers of all origins die.
                Victim::Older => fastrand::choice(&pids[..pids.len().div_ceil(2)]).copied(),
                Victim::Newest => pids.last().copied(),
            };
            pid.inspect(|pid| processes::signal(*pid, Signal::KILL)).is_some()
        });
        let killed = killed.await.expect("the task does not panic");
        self.counters.update(|counters| counters.disruptions.workers_killed += u64::from(killed));
    }
}

/// Opens one connection more than the limit. The bridge refuses it if all pages are connected.
async fn open_extra_connection(address: SocketAddr, counters: Arc<SharedCounters>) {
    let Ok(socket) = TcpStream::connect(address).await else { return };
    let handshake = Handshake::of(address).origin(Some("https://load-1.example"));
    let Ok(mut socket) = handshake.upgrade(socket).await else { return };
    let hello = Request::encode(1, &Hello::default()).expect("a request");
    let _ = socket.send(Message::text(hello)).await;
    if let Some(Ok(Message::Close(Some(frame)))) = socket.next().await
        && u16::from(frame.code) == TRY_AGAIN_LATER
    {
        counters.update(|counters| counters.disruptions.too_many_connections += 1);
    }
    // If the bridge accepted it, it took the place of a page.
    let _ = socket.close(None).await;
}

#[derive(Clone, Copy)]
enum Victim {
    Older,
    Newest,
}

const TRY_AGAIN_LATER: u16 = 1013;
const KILL_NEWEST_FROM: u64 = 2;
/// How long a run may exceed its time until each kind of disruption has happened.
const MAX_OVERTIME: Duration = Duration::from_secs(60);
