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
use super::tally::Tally;
use crate::bridge::{Bridge, workers_of};
use crate::handshake::Handshake;
use crate::processes;

/// What a page can be told to do on its connection.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    CutInFrame,
    TooLongFrame,
    TooManyInFlight,
    TooLongBatch,
    TooManyWorkers,
}

const ALL: [Trouble; 5] = [
    Trouble::CutInFrame,
    Trouble::TooLongFrame,
    Trouble::TooManyInFlight,
    Trouble::TooLongBatch,
    Trouble::TooManyWorkers,
];

pub(super) struct Troublemaker {
    plan: Plan,
    /// Its process id.
    bridge: u32,
    address: SocketAddr,
    tally: Arc<Tally>,
    pages: Vec<mpsc::Sender<Trouble>>,
}

impl Troublemaker {
    pub(super) fn new(
        plan: Plan,
        bridge: &Bridge,
        tally: Arc<Tally>,
        pages: Vec<mpsc::Sender<Trouble>>,
    ) -> Self {
        Self { plan, bridge: bridge.pid(), address: bridge.address(), tally, pages }
    }

    /// Makes trouble until the run is over: when its time has come, and each kind of trouble has been there.
    pub(super) async fn run(self) {
        let end = Instant::now() + self.plan.duration;
        for round in 1.. {
            sleep(self.plan.trouble_every).await;
            let troubles = self.tally.figures().troubles;
            let late = Instant::now().saturating_duration_since(end);
            if late > Duration::ZERO && (troubles.have_all_happened() || late > PATIENCE) {
                return;
            }
            // A module whose workers keep dying is set aside: the one that was started last is killed until
            // that has been seen.
            let chain = round > CHAIN_FROM && troubles.set_aside == 0;
            self.kill_a_worker(if chain { Victim::Youngest } else { Victim::OneOfTheOlder }).await;
            tokio::spawn(open_one_too_many(self.address, Arc::clone(&self.tally)));
            for trouble in ALL {
                let page = &self.pages[fastrand::usize(..self.pages.len())];
                // A page that has as much trouble as it can take is left alone.
                let _ = page.try_send(trouble);
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
        self.tally.count(|figures| figures.troubles.workers_killed += u64::from(killed));
    }
}

/// Where all pages are connected, one more is refused.
async fn open_one_too_many(address: SocketAddr, tally: Arc<Tally>) {
    let Ok(socket) = TcpStream::connect(address).await else { return };
    let handshake = Handshake::of(address).origin(Some("https://load-1.example"));
    let Ok(mut socket) = handshake.upgrade(socket).await else { return };
    let hello = Request::encode(1, &Hello {}).expect("a request");
    let _ = socket.send(Message::text(hello)).await;
    if let Some(Ok(Message::Close(Some(frame)))) = socket.next().await
        && u16::from(frame.code) == TRY_LATER
    {
        tally.count(|figures| figures.troubles.too_many_connections += 1);
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
/// How long a busy machine may take over its time until each kind of trouble has been there.
const PATIENCE: Duration = Duration::from_secs(60);
