//! A page of a load run: opens its connection, and opens it anew when it was cut off, until the run stops.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use super::mix::Mix;
use super::tally::Tally;
use super::trouble::Trouble;
use super::visit::{End, Visit};
use super::writer::Input;
use crate::handshake::Handshake;

pub(super) struct Page {
    origin: usize,
    in_flight: usize,
    ground: Arc<Ground>,
    tally: Arc<Tally>,
    address: SocketAddr,
    mix: Mix,
    troubles: mpsc::Receiver<Trouble>,
}

/// A connection, and a second handle of its socket.
pub(super) type Opened = (WebSocketStream<tokio::net::TcpStream>, TcpStream);

impl Page {
    /// The page, and the way to have it make trouble.
    pub(super) fn new(
        number: usize,
        in_flight: usize,
        ground: &Arc<Ground>,
        tally: &Arc<Tally>,
        address: SocketAddr,
    ) -> (Self, mpsc::Sender<Trouble>) {
        let (sender, troubles) = mpsc::channel(16);
        let origin = number % ground.origins.len();
        let (ground, tally) = (Arc::clone(ground), Arc::clone(tally));
        let mix = Mix::new(number, origin);
        (Self { origin, in_flight, ground, tally, address, mix, troubles }, sender)
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let opened = self.open().await;
            let visit = Visit::new(self.origin, self.in_flight, &self.ground, &self.tally);
            let (mix, troubles, stop) = (&mut self.mix, &mut self.troubles, &stop);
            match visit.run(opened, Input { mix, troubles, stop }).await {
                End::Done => return,
                End::CutOff => {}
                End::Closed(code) => {
                    self.tally.count(|figures| *figures.closed.entry(code).or_default() += 1);
                }
                End::NoRoom => tokio::time::sleep(NO_ROOM_PAUSE).await,
            }
            self.tally.count(|figures| figures.troubles.opened_anew += 1);
        }
    }

    async fn open(&self) -> Opened {
        let socket = TcpStream::connect(self.address).expect("the bridge listens");
        socket.set_nonblocking(true).expect("a socket option");
        let second = socket.try_clone().expect("a second handle");
        let socket = tokio::net::TcpStream::from_std(socket).expect("a socket");
        let handshake = Handshake::of(self.address).origin(Some(&self.ground.origins[self.origin]));
        let upgraded = handshake.upgrade(socket).await.expect("the bridge lets it in");
        (upgraded, second)
    }
}

/// The bridge may take a moment to notice that a connection was cut off.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);
