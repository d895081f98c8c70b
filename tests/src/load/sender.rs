//! The writing half of a connection: fills it with requests, and does to it what it is told to, which is cutting
//! it off in the middle of a frame and breaking limits.

use std::io::Write;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use pkcs11_bridge_protocol::{MAX_FRAME_LEN, MAX_IN_FLIGHT};
use rustix::net::sockopt::set_socket_linger;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::chaos::Disruption;
use super::connection::{Connection, End};
use super::request::Request;
use super::workload::Workload;

/// What a page writes: its own choice, and what it is told to.
pub(super) struct Input<'a> {
    pub(super) workload: &'a mut Workload,
    pub(super) disruptions: &'a mut mpsc::Receiver<Disruption>,
    pub(super) stop: &'a CancellationToken,
}

pub(super) struct Sender<'a> {
    connection: &'a Connection<'a>,
    sink: SplitSink<WebSocketStream<tokio::net::TcpStream>, Message>,
    /// A second handle of the socket, to write what is no frame.
    second: TcpStream,
    input: Input<'a>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        connection: &'a Connection<'a>,
        sink: SplitSink<WebSocketStream<tokio::net::TcpStream>, Message>,
        second: TcpStream,
        input: Input<'a>,
    ) -> Self {
        Self { connection, sink, second, input }
    }

    /// Returns when the connection was cut off, or when all is answered after the stop. Where the bridge has
    /// closed it, it is for the reader to find out.
    pub(super) async fn write(mut self) -> End {
        loop {
            let permit = tokio::select! {
                biased;
                () = self.input.stop.cancelled() => return self.finish().await,
                Some(disruption) = self.input.disruptions.recv() => {
                    match self.make(disruption).await {
                        ControlFlow::Continue(()) => continue,
                        ControlFlow::Break(end) => return end,
                    }
                }
                permit = Arc::clone(&self.connection.room).acquire_owned() => permit,
            };
            // All that there is room for goes in one piece.
            let mut permit = permit.ok();
            while permit.is_some() {
                let request = self
                    .input
                    .workload
                    .next(self.connection.testbed, self.connection.in_flight().batch());
                self.feed(request, permit).await;
                permit = Arc::clone(&self.connection.room).try_acquire_owned().ok();
            }
            self.flush().await;
        }
    }

    async fn make(&mut self, disruption: Disruption) -> ControlFlow<End> {
        match disruption {
            Disruption::CutInFrame => return ControlFlow::Break(self.cut_in_frame()),
            Disruption::TooLongFrame => {
                self.connection.provoked.store(true, Ordering::Relaxed);
                let _ = self.sink.send(Message::text("x".repeat(MAX_FRAME_LEN + 1))).await;
                // The reader finds out how it ended.
                std::future::pending::<()>().await;
            }
            Disruption::TooManyInFlight => {
                for _ in 0..=MAX_IN_FLIGHT {
                    let request =
                        self.input.workload.one_too_many_in_flight(self.connection.testbed);
                    self.feed(request, None).await;
                }
                self.flush().await;
                // Whatever was sent before there is room again would be refused too.
                while self.connection.in_flight().len() > MAX_IN_FLIGHT / 2 {
                    tokio::time::sleep(SHORT_PAUSE).await;
                }
            }
            Disruption::TooLongBatch => {
                let request = self.input.workload.too_long_batch(self.connection.testbed);
                self.feed(request, None).await;
            }
            Disruption::TooManyWorkers => {
                for request in Workload::one_too_many_workers() {
                    self.feed(request, None).await;
                }
            }
        }
        self.flush().await;
        ControlFlow::Continue(())
    }

    /// Writes the first half of a frame and closes the socket, every other time without a ending (RST).
    fn cut_in_frame(&mut self) -> End {
        let _ = self.second.write_all(&HALF_A_FRAME);
        if fastrand::bool() {
            let _ = set_socket_linger(&self.second, Some(Duration::ZERO));
        }
        self.connection.counters.count(|figures| figures.disruptions.cut_in_frame += 1);
        End::CutOff
    }

    async fn feed(&mut self, request: Request, permit: Option<OwnedSemaphorePermit>) {
        let method = request.counted_as();
        let text = self.connection.in_flight().enter(request, permit);
        self.connection.counters.count(|figures| {
            figures.sent += 1;
            *figures.methods.entry(method).or_default() += 1;
        });
        if self.sink.feed(Message::text(text)).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    async fn flush(&mut self) {
        if self.sink.flush().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until all is answered, and a little for answers that nobody asked for.
    async fn finish(&mut self) -> End {
        let start = Instant::now();
        while self.connection.in_flight().len() > 0 && start.elapsed() < ANSWER_LIMIT {
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
        let _ = self.sink.close().await;
        End::Done
    }
}

/// The head of a masked text frame of 100 bytes (RFC 6455, section 5.2), and 10 of them.
const HALF_A_FRAME: [u8; 16] = [0x81, 0x80 | 100, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// How long the last answers may take.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
const SHORT_PAUSE: Duration = Duration::from_millis(10);
