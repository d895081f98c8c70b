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

use super::counters::{Counters, SharedCounters};
use super::in_flight::{InFlight, Unanswered};
use super::page::Opened;
use super::request::{Aim, Expected, Request};
use super::sender::{Input, Sender};
use super::testbed::Testbed;

pub(super) struct Connection<'a> {
    pub(super) testbed: &'a Testbed,
    pub(super) counters: &'a SharedCounters,
    /// One permit for each request that may be in flight.
    pub(super) room: Arc<Semaphore>,
    /// A limit was broken for which the bridge closes the connection.
    pub(super) provoked: AtomicBool,
    origin: usize,
    in_flight: Mutex<InFlight>,
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

impl<'a> Connection<'a> {
    pub(super) fn new(
        origin: usize,
        in_flight: usize,
        testbed: &'a Testbed,
        counters: &'a SharedCounters,
    ) -> Self {
        let room = Arc::new(Semaphore::new(in_flight));
        let provoked = AtomicBool::new(false);
        Self { testbed, counters, room, provoked, origin, in_flight: Mutex::default() }
    }

    pub(super) async fn run(self, (socket, second): Opened, input: Input<'_>) -> End {
        let (sink, stream) = socket.split();
        let sender = Sender::new(&self, sink, second, input);
        let end = tokio::select! {
            end = self.read(stream) => end,
            end = sender.write() => end,
        };
        let unanswered = match end {
            End::Done | End::Closed(_) => Unanswered::Lost,
            End::CutOff | End::NoRoom => Unanswered::CutOff,
        };
        self.in_flight().close(self.counters, unanswered);
        end
    }

    pub(super) fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().expect("nobody panics with it")
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
                self.counters.count(|figures| figures.disruptions.too_long_frames += 1);
                End::CutOff
            }
            TRY_LATER => End::NoRoom,
            code => End::Closed(code),
        }
    }

    fn receive(&self, text: &str) {
        match Incoming::decode(text) {
            Ok(Incoming::Reply { id, outcome }) => {
                let outcome = outcome.map(ToOwned::to_owned);
                let request =
                    self.in_flight().answer(self.testbed, self.counters, id.as_ref(), &outcome);
                if let Some(request) = request {
                    self.learn(&request, &outcome);
                }
            }
            Ok(Incoming::Event { method, .. }) => {
                let method = method.into_owned();
                self.counters.count(|figures| *figures.events.entry(method).or_default() += 1);
            }
            Err(_) => self.counters.count(|figures| figures.anothers += 1),
        }
    }

    /// What a page does differently after an answer.
    fn learn(&self, request: &Request, outcome: &Result<Box<RawValue>, ErrorObject>) {
        let error = outcome.as_ref().err();
        self.counters.count(|figures| count_refusal(figures, request, error));
        let Some(module) = request.module else { return };
        if let Some(error) = error
            && request.aim == Aim::Work
            && (error.is(ErrorCode::ModuleUnavailable) || error.is(ErrorCode::TooManyRequests))
        {
            self.testbed.leave_alone(self.origin, module);
        }
        match (&request.expected, error) {
            (Expected::Signature { .. }, None) => {
                self.testbed.set_logged_in(self.origin, module, true);
            }
            (Expected::Signature { .. } | Expected::Signatures { .. }, Some(_)) => {
                self.testbed.set_logged_in(self.origin, module, false);
            }
            _ if request.method == "logout" => {
                self.testbed.set_logged_in(self.origin, module, false)
            }
            _ => {}
        }
    }
}

fn count_refusal(figures: &mut Counters, request: &Request, error: Option<&ErrorObject>) {
    let is_of = |row| error.is_some_and(|error| error.is(row));
    let disruptions = &mut figures.disruptions;
    match request.aim {
        Aim::OneTooManyInFlight if is_of(ErrorCode::TooManyRequests) => {
            disruptions.too_many_in_flight += 1
        }
        Aim::OneTooManyWorkers if is_of(ErrorCode::TooManyRequests) => {
            disruptions.too_many_workers += 1
        }
        Aim::TooLongBatch if is_of(ErrorCode::BadArgument) => disruptions.too_long_batches += 1,
        Aim::Work if is_of(ErrorCode::ModuleUnavailable) => disruptions.set_aside += 1,
        _ => {}
    }
}

// Close codes of RFC 6455, section 7.4.1, and of IANA's registry.
const TOO_LONG: u16 = 1009;
const TRY_LATER: u16 = 1013;
/// There was none.
const NO_CODE: u16 = 0;
