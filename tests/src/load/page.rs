//! A page of a load run. It opens a connection, and opens it again after a cut, until
//! the run stops.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_util::sync::CancellationToken;

use super::chaos::Disruption;
use super::connection::{Connection, Ending};
use super::counters::SharedCounters;
use super::sender::Input;
use super::testbed::Testbed;
use super::workload::Workload;
use crate::handshake::Handshake;

pub(super) struct Page {
    origin: usize,
    in_flight: usize,
    testbed: Arc<Testbed>,
    counters: Arc<SharedCounters>,
    address: SocketAddr,
    workload: Workload,
    disruptions: mpsc::Receiver<Disruption>,
}

/// A connection and a second handle of its socket.
pub(super) type Opened = (WebSocketStream<tokio::net::TcpStream>, TcpStream);

impl Page {
    /// The page, and a sender for its disruptions.
    pub(super) fn new(
        number: usize,
        in_flight: usize,
        testbed: &Arc<Testbed>,
        counters: &Arc<SharedCounters>,
        address: SocketAddr,
    ) -> (Self, mpsc::Sender<Disruption>) {
        let (sender, disruptions) = mpsc::channel(16);
        let origin = number % testbed.origins.len();
        let (testbed, counters) = (Arc::clone(testbed), Arc::clone(counters));
        let workload = Workload::new(number, origin);
        (Self { origin, in_flight, testbed, counters, address, workload, disruptions }, sender)
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            let opened = self.open().await;
            let connection =
                Connection::new(self.origin, self.in_flight, &self.testbed, &self.counters);
            let (workload, disruptions, stop) = (&mut self.workload, &mut self.disruptions, &stop);
            match connection.run(opened, Input { workload, disruptions, stop }).await {
                Ending::Done => return,
                Ending::CutOff => {}
                Ending::Closed(code) => {
                    self.counters.update(|counters| *counters.closed.entry(code).or_default() += 1);
                }
                Ending::TooManyConnections => tokio::time::sleep(RETRY_PAUSE).await,
            }
            self.counters.update(|counters| counters.disruptions.reopened += 1);
        }
    }

    async fn open(&self) -> Opened {
        let socket = TcpStream::connect(self.address).expect("the bridge listens");
        socket.set_nonblocking(true).expect("a socket option");
        let raw_socket = socket.try_clone().expect("a second handle");
        let socket = tokio::net::TcpStream::from_std(socket).expect("a socket");
        let handshake =
            Handshake::of(self.address).origin(Some(&self.testbed.origins[self.origin]));
        let upgraded = handshake.upgrade(socket).await.expect("the bridge accepts the connection");
        (upgraded, raw_socket)
    }
}

/// The bridge may take a moment to notice that a connection was cut.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
