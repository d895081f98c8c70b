//! The calls of a connection that wait for their reply: those in the queue, and those in flight.
//! Nothing is in flight twice, and each call is answered once.

use std::collections::VecDeque;

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use pkcs11_bridge_protocol::MAX_IN_FLIGHT;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure};
use wasm_bindgen::JsValue;
use zeroize::Zeroizing;

/// The reply to a call: its result, or why it failed.
pub(crate) type Outcome = Result<JsValue, ErrorObject>;

/// An encoded request.
pub(crate) struct Frame {
    /// What is sent. May hold a PIN.
    pub(crate) text: Zeroizing<String>,
    /// What the page may see of it, where it asked for the traffic.
    pub(crate) shown: Option<String>,
}

/// A call that waits for its reply.
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) method: &'static str,
    /// `None` where the caller was answered already, because the time was over.
    reply: Option<oneshot::Sender<Outcome>>,
    _deadline: Timeout,
}

struct Queued {
    call: Call,
    frame: Frame,
    /// Whether the bridge was searched for since the call was made.
    searched: bool,
}

/// The calls that wait.
#[derive(Default)]
pub(crate) struct Calls {
    queue: VecDeque<Queued>,
    in_flight: Vec<Call>,
}

impl Call {
    pub(crate) fn new(
        id: u64,
        method: &'static str,
        reply: oneshot::Sender<Outcome>,
        deadline: Timeout,
    ) -> Self {
        Self { id, method, reply: Some(reply), _deadline: deadline }
    }

    /// Answers the caller, unless that has happened already.
    pub(crate) fn answer(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            // Fails where the caller is gone.
            let _ = reply.send(outcome);
        }
    }
}

impl Calls {
    /// Puts a call at the end of the queue.
    pub(crate) fn push(&mut self, call: Call, frame: Frame) {
        self.queue.push_back(Queued { call, frame, searched: false });
    }

    /// Whether calls are in the queue.
    pub(crate) fn are_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes the next call off the queue and counts it as in flight, as far as the bridge's limit
    /// allows. Returns what is to be sent.
    pub(crate) fn launch(&mut self) -> Option<(u64, Frame)> {
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            return None;
        }
        let Queued { call, frame, .. } = self.queue.pop_front()?;
        let id = call.id;
        self.in_flight.push(call);
        Some((id, frame))
    }

    /// Answers the call in flight with that id; an id that nobody waits for is ignored.
    pub(crate) fn land(&mut self, id: u64, outcome: Outcome) {
        if let Some(at) = self.in_flight.iter().position(|call| call.id == id) {
            self.in_flight.swap_remove(at).answer(outcome);
        }
    }

    /// Fails the call whose time is over. In flight it keeps its place until the late reply comes,
    /// because the bridge still counts it.
    pub(crate) fn expire(&mut self, id: u64, failure: impl Fn(&Call, Stage) -> Failure) {
        if let Some(at) = self.queue.iter().position(|queued| queued.call.id == id) {
            if let Some(mut queued) = self.queue.remove(at) {
                let failure = failure(&queued.call, Stage::Queued);
                queued.call.answer(Err(failure.into()));
            }
        } else if let Some(call) = self.in_flight.iter_mut().find(|call| call.id == id) {
            let failure = failure(call, Stage::InFlight);
            call.answer(Err(failure.into()));
        }
    }

    /// A search for the bridge begins: it decides on the calls that are queued now.
    pub(crate) fn search_begins(&mut self) {
        for queued in &mut self.queue {
            queued.searched = true;
        }
    }

    /// Fails the calls that were queued before the last search began.
    pub(crate) fn fail_searched(&mut self, failure: impl Fn() -> Failure) {
        self.queue.retain_mut(|queued| {
            if queued.searched {
                queued.call.answer(Err(failure().into()));
            }
            !queued.searched
        });
    }

    /// Fails the calls in flight.
    pub(crate) fn fail_in_flight(&mut self, failure: impl Fn(&Call) -> Failure) {
        for mut call in self.in_flight.drain(..) {
            let failure = failure(&call);
            call.answer(Err(failure.into()));
        }
    }

    /// Fails every call that waits.
    pub(crate) fn fail_all(&mut self, failure: impl Fn(&Call) -> Failure) {
        for queued in &mut self.queue {
            let failure = failure(&queued.call);
            queued.call.answer(Err(failure.into()));
        }
        self.queue.clear();
        self.fail_in_flight(failure);
    }
}

/// How far a call has come.
#[derive(Clone, Copy)]
pub(crate) enum Stage {
    /// Nothing was sent.
    Queued,
    /// It was sent.
    InFlight,
}
