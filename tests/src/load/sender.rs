//! The sending half of a connection. It keeps the connection full of requests and carries out
//! disruptions: it cuts the connection in the middle of a frame or exceeds a limit.

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
use super::connection::{Connection, Ending};
use super::request::Request;
use super::workload::Workload;

/// What decides which messages a connection sends.
pub(super) struct Input<'a> {
    pub(super) workload: &'a mut Workload,
    pub(super) disruptions: &'a mut mpsc::Receiver<Disruption>,
    pub(super) stop: &'a CancellationToken,
}

pub(super) struct Sender<'a> {
    connection: &'a Connection<'a>,
    sink: SplitSink<WebSocketStream<tokio::net::TcpStream>, Message>,
    /// A second handle of the socket, to write an incomplete frame.
    raw_socket: TcpStream,
    input: Input<'a>,
}

impl<'a> Sender<'a> {
    pub(super) fn new(
        connection: &'a Connection<'a>,
        sink: SplitSink<WebSocketStream<tokio::net::TcpStream>, Message>,
        raw_socket: TcpStream,
        input: Input<'a>,
    ) -> Self {
        Self { connection, sink, raw_socket, input }
    }

    /// Sends until a disruption cuts the connection, or until all requests are answered after the
    /// stop. If the bridge closes the connection, this waits for ever, because the receiving half
    /// knows the close code.
    pub(super) async fn write(mut self) -> Ending {
        loop {
            let permit = tokio::select! {
                biased;
                () = self.input.stop.cancelled() => return self.finish().await,
                Some(disruption) = self.input.disruptions.recv() => {
                    match self.apply(disruption).await {
                        ControlFlow::Continue(()) => continue,
                        ControlFlow::Break(end) => return end,
                    }
                }
                permit = Arc::clone(&self.connection.permits).acquire_owned() => permit,
            };
            // All requests that have a permit go out in one write.
            let mut permit = permit.ok();
            while permit.is_some() {
                let request = self
                    .input
                    .workload
                    .next(self.connection.testbed, self.connection.in_flight().batch());
                self.feed(request, permit).await;
                permit = Arc::clone(&self.connection.permits).try_acquire_owned().ok();
            }
            self.flush().await;
        }
    }

    async fn apply(&mut self, disruption: Disruption) -> ControlFlow<Ending> {
        match disruption {
            Disruption::CutInFrame => return ControlFlow::Break(self.cut_in_frame()),
            Disruption::TooLongFrame => {
                self.connection.limit_broken.store(true, Ordering::Relaxed);
                let _ = self.sink.send(Message::text("x".repeat(MAX_FRAME_LEN + 1))).await;
                // The receiving half learns the close code.
                std::future::pending::<()>().await;
            }
            Disruption::TooManyInFlight => {
                for _ in 0..=MAX_IN_FLIGHT {
                    let request =
                        self.input.workload.request_over_in_flight_limit(self.connection.testbed);
                    self.feed(request, None).await;
                }
                self.flush().await;
                // Until requests are answered, the bridge would refuse further ones too.
                while self.connection.in_flight().len() > MAX_IN_FLIGHT / 2 {
                    tokio::time::sleep(SHORT_PAUSE).await;
                }
            }
            Disruption::TooLongBatch => {
                let request = self.input.workload.batch_over_limit(self.connection.testbed);
                self.feed(request, None).await;
            }
            Disruption::TooManyWorkers => {
                for request in Workload::requests_over_worker_limit() {
                    self.feed(request, None).await;
                }
            }
        }
        self.flush().await;
        ControlFlow::Continue(())
    }

    /// Writes the first part of a frame and closes the socket, half the time with a reset (RST).
    fn cut_in_frame(&mut self) -> Ending {
        let _ = self.raw_socket.write_all(&HALF_FRAME);
        if fastrand::bool() {
            let _ = set_socket_linger(&self.raw_socket, Some(Duration::ZERO));
        }
        self.connection.counters.update(|counters| counters.disruptions.cut_in_frame += 1);
        Ending::CutOff
    }

    async fn feed(&mut self, request: Request, permit: Option<OwnedSemaphorePermit>) {
        let method = request.counted_method();
        let text = self.connection.in_flight().add(request, permit);
        self.connection.counters.update(|counters| {
            counters.sent += 1;
            *counters.methods.entry(method).or_default() += 1;
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

    /// Waits for all answers, and then a little longer for answers without a request.
    async fn finish(&mut self) -> Ending {
        let start = Instant::now();
        while self.connection.in_flight().len() > 0 && start.elapsed() < ANSWER_LIMIT {
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
        let _ = self.sink.close().await;
        Ending::Done
    }
}

/// The header of a masked text frame with 100 bytes (RFC 6455, section 5.2), and 10 of its bytes.
const HALF_FRAME: [u8; 16] = [0x81, 0x80 | 100, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// How long the run waits for the last answers.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
const SHORT_PAUSE: Duration = Duration::from_millis(10);
