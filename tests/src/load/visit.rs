//! One connection of a page, from its opening to its end: requests are written as long as there is room in
//! flight, and what comes is read, side by side.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::message::Incoming;
use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::ask::{Aim, Ask, Expected};
use super::ground::Ground;
use super::ledger::{Ledger, Unanswered};
use super::page::Opened;
use super::tally::{Figures, Tally};
use super::writer::{Input, Writer};

pub(super) struct Visit<'a> {
    pub(super) ground: &'a Ground,
    pub(super) tally: &'a Tally,
    /// One permit for each request that may be in flight.
    pub(super) room: Arc<Semaphore>,
    /// A limit was broken for which the bridge closes the connection.
    pub(super) provoked: AtomicBool,
    origin: usize,
    ledger: Mutex<Ledger>,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The run is over.
    Done,
    /// By this run.
    CutOff,
    /// There were as many connections as there may be.
    NoRoom,
    /// By the bridge, for no reason that this run gave it.
    Closed(u16),
}

impl<'a> Visit<'a> {
    pub(super) fn new(
        origin: usize,
        in_flight: usize,
        ground: &'a Ground,
        tally: &'a Tally,
    ) -> Self {
        let room = Arc::new(Semaphore::new(in_flight));
        let provoked = AtomicBool::new(false);
        Self { ground, tally, room, provoked, origin, ledger: Mutex::default() }
    }

    pub(super) async fn run(self, (socket, second): Opened, input: Input<'_>) -> End {
        let (sink, stream) = socket.split();
        let writer = Writer::new(&self, sink, second, input);
        let end = tokio::select! {
            end = self.read(stream) => end,
            end = writer.write() => end,
        };
        let unanswered = match end {
            End::Done | End::Closed(_) => Unanswered::Lost,
            End::CutOff | End::NoRoom => Unanswered::CutOff,
        };
        self.ledger().close(self.tally, unanswered);
        end
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("nobody panics with it")
    }

    async fn read(&self, mut stream: SplitStream<WebSocketStream<tokio::net::TcpStream>>) -> End {
        loop {
            match stream.next().await {
                Some(Ok(Message::Text(text))) => self.receive(&text),
                Some(Ok(Message::Close(frame))) => {
                    return self.closed(frame.map_or(NO_CODE, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return self.closed(NO_CODE),
            }
        }
    }

    fn closed(&self, code: u16) -> End {
        match code {
            TOO_LONG if self.provoked.load(Ordering::Relaxed) => {
                self.tally.count(|figures| figures.troubles.too_long_frames += 1);
                End::CutOff
            }
            TRY_LATER => End::NoRoom,
            code => End::Closed(code),
        }
    }

    fn receive(&self, text: &str) {
        match Incoming::decode(text) {
            Ok(Incoming::Reply { id, outcome }) => {
                let ask = self.ledger().answer(self.ground, self.tally, id.as_ref(), &outcome);
                if let Some(ask) = ask {
                    self.learn(&ask, &outcome);
                }
            }
            Ok(Incoming::Event { method, .. }) => {
                self.tally.count(|figures| *figures.events.entry(method).or_default() += 1);
            }
            Err(_) => self.tally.count(|figures| figures.anothers += 1),
        }
    }

    /// What a page does differently after an answer.
    fn learn(&self, ask: &Ask, outcome: &Result<Box<RawValue>, ErrorObject>) {
        let error = outcome.as_ref().err();
        self.tally.count(|figures| count_refusal(figures, ask, error));
        let Some(module) = ask.module else { return };
        if let Some(error) = error
            && ask.aim == Aim::Work
            && (error.is(ErrorCode::ModuleUnavailable) || error.is(ErrorCode::TooManyRequests))
        {
            self.ground.leave_alone(self.origin, module);
        }
        match (&ask.expected, error) {
            (Expected::Signature { .. }, None) => {
                self.ground.set_logged_in(self.origin, module, true);
            }
            (Expected::Signature { .. } | Expected::Signatures { .. }, Some(_)) => {
                self.ground.set_logged_in(self.origin, module, false);
            }
            _ if ask.method == "logout" => self.ground.set_logged_in(self.origin, module, false),
            _ => {}
        }
    }
}

fn count_refusal(figures: &mut Figures, ask: &Ask, error: Option<&ErrorObject>) {
    let is_of = |row| error.is_some_and(|error| error.is(row));
    let troubles = &mut figures.troubles;
    match ask.aim {
        Aim::OneTooManyInFlight if is_of(ErrorCode::TooManyRequests) => {
            troubles.too_many_in_flight += 1
        }
        Aim::OneTooManyWorkers if is_of(ErrorCode::TooManyRequests) => {
            troubles.too_many_workers += 1
        }
        Aim::TooLongBatch if is_of(ErrorCode::BadArgument) => troubles.too_long_batches += 1,
        Aim::Work if is_of(ErrorCode::ModuleUnavailable) => troubles.set_aside += 1,
        _ => {}
    }
}

// Close codes of RFC 6455, section 7.4.1, and of IANA's registry.
const TOO_LONG: u16 = 1009;
const TRY_LATER: u16 = 1013;
/// There was none.
const NO_CODE: u16 = 0;
