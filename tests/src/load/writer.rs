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

use super::ask::Ask;
use super::mix::Mix;
use super::trouble::Trouble;
use super::visit::{End, Visit};

/// What a page writes: its own choice, and what it is told to.
pub(super) struct Input<'a> {
    pub(super) mix: &'a mut Mix,
    pub(super) troubles: &'a mut mpsc::Receiver<Trouble>,
    pub(super) stop: &'a CancellationToken,
}

pub(super) struct Writer<'a> {
    visit: &'a Visit<'a>,
    sink: SplitSink<WebSocketStream<tokio::net::TcpStream>, Message>,
    /// A second handle of the socket, to write what is no frame.
    second: TcpStream,
    input: Input<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        visit: &'a Visit<'a>,
        sink: SplitSink<WebSocketStream<tokio::net::TcpStream>, Message>,
        second: TcpStream,
        input: Input<'a>,
    ) -> Self {
        Self { visit, sink, second, input }
    }

    /// Returns when the connection was cut off, or when all is answered after the stop. Where the bridge has
    /// closed it, it is for the reader to find out.
    pub(super) async fn write(mut self) -> End {
        loop {
            let permit = tokio::select! {
                biased;
                () = self.input.stop.cancelled() => return self.finish().await,
                Some(trouble) = self.input.troubles.recv() => {
                    match self.make(trouble).await {
                        ControlFlow::Continue(()) => continue,
                        ControlFlow::Break(end) => return end,
                    }
                }
                permit = Arc::clone(&self.visit.room).acquire_owned() => permit,
            };
            // All that there is room for goes in one piece.
            let mut permit = permit.ok();
            while permit.is_some() {
                let ask = self.input.mix.next(self.visit.ground, self.visit.ledger().batch());
                self.feed(ask, permit).await;
                permit = Arc::clone(&self.visit.room).try_acquire_owned().ok();
            }
            self.flush().await;
        }
    }

    async fn make(&mut self, trouble: Trouble) -> ControlFlow<End> {
        match trouble {
            Trouble::CutInFrame => return ControlFlow::Break(self.cut_in_frame()),
            Trouble::TooLongFrame => {
                self.visit.provoked.store(true, Ordering::Relaxed);
                let _ = self.sink.send(Message::text("x".repeat(MAX_FRAME_LEN + 1))).await;
                // The reader finds out how it ended.
                std::future::pending::<()>().await;
            }
            Trouble::TooManyInFlight => {
                for _ in 0..=MAX_IN_FLIGHT {
                    let ask = self.input.mix.one_too_many_in_flight(self.visit.ground);
                    self.feed(ask, None).await;
                }
                self.flush().await;
                // Whatever was sent before there is room again would be refused too.
                while self.visit.ledger().len() > MAX_IN_FLIGHT / 2 {
                    tokio::time::sleep(SHORT_PAUSE).await;
                }
            }
            Trouble::TooLongBatch => {
                let ask = self.input.mix.too_long_batch(self.visit.ground);
                self.feed(ask, None).await;
            }
            Trouble::TooManyWorkers => {
                for ask in Mix::one_too_many_workers() {
                    self.feed(ask, None).await;
                }
            }
        }
        self.flush().await;
        ControlFlow::Continue(())
    }

    /// Writes the first half of a frame and closes the socket, every other time without a farewell (RST).
    fn cut_in_frame(&mut self) -> End {
        let _ = self.second.write_all(&HALF_A_FRAME);
        if fastrand::bool() {
            let _ = set_socket_linger(&self.second, Some(Duration::ZERO));
        }
        self.visit.tally.count(|figures| figures.troubles.cut_in_frame += 1);
        End::CutOff
    }

    async fn feed(&mut self, ask: Ask, permit: Option<OwnedSemaphorePermit>) {
        let method = ask.counted_as();
        let text = self.visit.ledger().enter(ask, permit);
        self.visit.tally.count(|figures| {
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
        while self.visit.ledger().len() > 0 && start.elapsed() < ANSWER_LIMIT {
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
