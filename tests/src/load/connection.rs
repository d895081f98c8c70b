//! One connection of a page, from its opening to its end. It sends requests while permits are free,
//! and receives at the same time.

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
use super::request::{Expected, Purpose, Request};
use super::sender::{Input, Sender};
use super::testbed::Testbed;

pub(super) struct Connection<'a> {
    pub(super) testbed: &'a Testbed,
    pub(super) counters: &'a SharedCounters,
    /// One permit for each request in flight.
    pub(super) permits: Arc<Semaphore>,
    /// Whether this run exceeded a limit for which the bridge closes the connection.
    pub(super) limit_broken: AtomicBool,
    origin: usize,
    in_flight: Mutex<InFlight>,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The run is over.
    Done,
    /// This run cut the connection.
    CutOff,
    /// The bridge had the most connections that it accepts.
    TooManyConnections,
    /// The bridge closed the connection with this code, and this run gave it no reason.
    Closed(u16),
}

impl<'a> Connection<'a> {
    pub(super) fn new(
        origin: usize,
        in_flight: usize,
        testbed: &'a Testbed,
        counters: &'a SharedCounters,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(in_flight));
        let limit_broken = AtomicBool::new(false);
        Self { testbed, counters, permits, limit_broken, origin, in_flight: Mutex::default() }
    }

    pub(super) async fn run(self, (socket, raw_socket): Opened, input: Input<'_>) -> Ending {
        let (sink, stream) = socket.split();
        let sender = Sender::new(&self, sink, raw_socket, input);
        let end = tokio::select! {
            end = self.read(stream) => end,
            end = sender.write() => end,
        };
        let unanswered = match end {
            Ending::Done | Ending::Closed(_) => Unanswered::Lost,
            Ending::CutOff | Ending::TooManyConnections => Unanswered::CutOff,
        };
        self.in_flight().close(self.counters, unanswered);
        end
    }

    pub(super) fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        self.in_flight.lock().expect("no holder panics")
    }

    async fn read(
        &self,
        mut stream: SplitStream<WebSocketStream<tokio::net::TcpStream>>,
    ) -> Ending {
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

    fn closed(&self, code: u16) -> Ending {
        match code {
            MESSAGE_TOO_BIG if self.limit_broken.load(Ordering::Relaxed) => {
                self.counters.update(|counters| counters.disruptions.too_long_frames += 1);
                Ending::CutOff
            }
            TRY_AGAIN_LATER => Ending::TooManyConnections,
            code => Ending::Closed(code),
        }
    }

    fn receive(&self, text: &str) {
        match Incoming::decode(text) {
            Ok(Incoming::Reply { id, outcome }) => {
                let outcome = outcome.map(|json| {
                    RawValue::from_string(json.to_owned()).expect("JSON of the bridge")
                });
                let request =
                    self.in_flight().resolve(self.testbed, self.counters, id.as_ref(), &outcome);
                if let Some(request) = request {
                    self.update_state(&request, &outcome);
                }
            }
            Ok(Incoming::Event { method, .. }) => {
                let method = method.into_owned();
                self.counters.update(|counters| *counters.events.entry(method).or_default() += 1);
            }
            Err(_) => self.counters.update(|counters| counters.mismatched += 1),
        }
    }

    /// Updates what the page knows of the module after an answer.
    fn update_state(&self, request: &Request, outcome: &Result<Box<RawValue>, ErrorObject>) {
        let error = outcome.as_ref().err();
        self.counters.update(|counters| count_disruption(counters, request, error));
        let Some(module) = request.module else { return };
        if let Some(error) = error
            && request.purpose == Purpose::Work
            && (error.is(ErrorCode::ModuleUnavailable) || error.is(ErrorCode::TooManyRequests))
        {
            self.testbed.pause_module(self.origin, module);
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

fn count_disruption(counters: &mut Counters, request: &Request, error: Option<&ErrorObject>) {
    let has_code = |code| error.is_some_and(|error| error.is(code));
    let disruptions = &mut counters.disruptions;
    match request.purpose {
        Purpose::ExceedInFlight if has_code(ErrorCode::TooManyRequests) => {
            disruptions.too_many_in_flight += 1
        }
        Purpose::ExceedWorkers if has_code(ErrorCode::TooManyRequests) => {
            disruptions.too_many_workers += 1
        }
        Purpose::ExceedBatch if has_code(ErrorCode::BadArgument) => {
            disruptions.too_long_batches += 1
        }
        Purpose::Work if has_code(ErrorCode::ModuleUnavailable) => disruptions.set_aside += 1,
        _ => {}
    }
}

// Close codes of RFC 6455, section 7.4.1, and of IANA's registry.
const MESSAGE_TOO_BIG: u16 = 1009;
const TRY_AGAIN_LATER: u16 = 1013;
/// The connection ended without a close code.
const NO_CODE: u16 = 0;
