//! The calls of a connection that wait for their replies: the queued ones, and those in flight.

use std::collections::VecDeque;
use std::mem;

use futures_channel::oneshot;
use js_sys::Function;
use pkcs11_bridge_protocol::call::Method;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::Request;
use pkcs11_bridge_protocol::{MAX_IN_FLIGHT, MAX_IN_FLIGHT_LEN};
use wasm_bindgen::JsValue;

use super::failures;
use super::watches::Change;
use crate::bridge_search::Challenge;

/// The result of a call, or why it failed.
pub(crate) type Outcome = Result<JsValue, ErrorObject>;

/// An encoded request.
pub(super) struct Frame {
    /// What the client sends. May hold a PIN.
    pub(super) text: String,
    /// What the page's "traffic" listeners see of it, if there are any.
    pub(super) shown: Option<String>,
}

impl Frame {
    /// Encodes a request. `hide` removes from it what "traffic" listeners must not see.
    pub(super) fn encode<M: Method>(
        id: u64,
        mut params: M,
        hide: impl FnOnce(&mut M),
        traffic_wanted: bool,
    ) -> Result<Self, Failure> {
        let encode =
            |params: &M| Request::encode(id, params).map_err(|_| failures::bad_request(M::NAME));
        let text = encode(&params)?;
        let shown = if traffic_wanted {
            hide(&mut params);
            Some(encode(&params)?)
        } else {
            None
        };
        Ok(Self { text, shown })
    }
}

/// A call that waits for its reply.
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) method: &'static str,
    /// `None` if the caller got an error already, because the time was over.
    pub(super) caller: Option<Caller>,
    /// When the call was made, or when the bridge last reported progress, in milliseconds.
    since: f64,
    /// The length of the request in flight.
    len: usize,
}

/// Who gets the outcome of a call.
pub(super) enum Caller {
    /// The page, through a promise.
    Page {
        reply: oneshot::Sender<Outcome>,
        /// Called whenever the bridge reports progress.
        on_progress: Option<Function>,
    },
    /// The driver, which watches or unwatches the slots of a module.
    Watch { index: usize, change: Change },
    /// The driver, which asks the bridge for its key.
    Proof(Challenge),
    /// Nothing: the reply to the cancelled batch says everything.
    Cancel,
}

impl Call {
    pub(super) fn new(id: u64, method: &'static str, caller: Caller, since: f64) -> Self {
        Self { id, method, caller: Some(caller), since, len: 0 }
    }

    /// The bridge reported progress. Returns what the page wants to be called with it.
    pub(super) fn progressed(&mut self, now: f64) -> Option<Function> {
        self.since = now;
        match &self.caller {
            Some(Caller::Page { on_progress, .. }) => on_progress.clone(),
            _ => None,
        }
    }

    fn is_cancel(&self) -> bool {
        matches!(self.caller, Some(Caller::Cancel))
    }

    /// Whether the call means nothing on the next connection.
    fn is_bound_to_connection(&self) -> bool {
        matches!(self.caller, Some(Caller::Cancel | Caller::Proof(_) | Caller::Watch { .. }))
    }
}

struct Queued {
    call: Call,
    frame: Frame,
    /// Whether a search for the bridge has started since the call was made.
    searched: bool,
}

/// The calls that wait.
#[derive(Default)]
pub(super) struct Calls {
    queue: VecDeque<Queued>,
    in_flight: Vec<Call>,
    /// The length of all requests in flight.
    in_flight_len: usize,
}

impl Calls {
    /// Puts a call at the end of the queue. A `cancel` goes to the front.
    pub(super) fn push(&mut self, call: Call, frame: Frame) {
        let queued = Queued { call, frame, searched: false };
        if queued.call.is_cancel() {
            self.queue.push_front(queued);
        } else {
            self.queue.push_back(queued);
        }
    }

    /// Adds a call whose request is sent at once.
    pub(super) fn start(&mut self, call: Call) {
        self.in_flight.push(call);
    }

    pub(super) fn are_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Moves the next call from the queue to those in flight, if the bridge's limits allow it.
    /// Returns the request to send.
    pub(super) fn start_next(&mut self) -> Option<(u64, Frame)> {
        let next = self.queue.front()?;
        // The last place is for `cancel`. Otherwise it might wait for the call that it ends.
        let places = MAX_IN_FLIGHT - usize::from(!next.call.is_cancel());
        let len = if next.call.is_cancel() { 0 } else { next.frame.text.len() };
        if self.in_flight.len() >= places || self.in_flight_len + len > MAX_IN_FLIGHT_LEN {
            return None;
        }
        let Queued { mut call, frame, .. } = self.queue.pop_front()?;
        let id = call.id;
        call.len = len;
        self.in_flight_len += len;
        self.in_flight.push(call);
        Some((id, frame))
    }

    /// Removes the call in flight with that id. Returns its caller if the caller still waits.
    pub(super) fn finish(&mut self, id: u64) -> Option<Caller> {
        let at = self.in_flight.iter().position(|call| call.id == id)?;
        let call = self.in_flight.swap_remove(at);
        self.in_flight_len -= call.len;
        call.caller
    }

    /// The call in flight with that id, if its caller still waits.
    pub(super) fn in_flight(&mut self, id: u64) -> Option<&mut Call> {
        self.in_flight.iter_mut().find(|call| call.id == id && call.caller.is_some())
    }

    /// Removes the queued call with that id.
    pub(super) fn remove_queued(&mut self, id: u64) -> Option<Call> {
        let at = self.queue.iter().position(|queued| queued.call.id == id)?;
        self.queue.remove(at).map(|queued| queued.call)
    }

    /// The calls about which the bridge has been silent since a time that `too_long` accepts.
    pub(super) fn silent(&self, too_long: impl Fn(f64) -> bool) -> Vec<u64> {
        self.waiting().filter(|call| too_long(call.since)).map(|call| call.id).collect()
    }

    /// Since when the bridge has been silent about the call with the next deadline.
    pub(super) fn oldest(&self) -> Option<f64> {
        self.waiting().map(|call| call.since).reduce(f64::min)
    }

    fn waiting(&self) -> impl Iterator<Item = &Call> {
        let queued = self.queue.iter().map(|queued| &queued.call);
        queued.chain(&self.in_flight).filter(|call| call.caller.is_some())
    }

    /// Marks the queued calls: the search that starts now decides about them.
    pub(super) fn start_search(&mut self) {
        for queued in &mut self.queue {
            queued.searched = true;
        }
    }

    /// Removes the calls that were queued before the last search started.
    pub(super) fn take_searched(&mut self) -> Vec<Call> {
        let (searched, others) =
            mem::take(&mut self.queue).into_iter().partition(|queued| queued.searched);
        self.queue = others;
        calls(searched)
    }

    /// Removes the calls in the queue.
    pub(super) fn take_queued(&mut self) -> Vec<Call> {
        calls(mem::take(&mut self.queue))
    }

    /// Removes the calls in flight.
    pub(super) fn take_in_flight(&mut self) -> Vec<Call> {
        self.in_flight_len = 0;
        mem::take(&mut self.in_flight)
    }

    /// Removes the calls in flight, and drops the calls that mean nothing on the next connection
    /// without an answer.
    pub(super) fn lose_connection(&mut self) -> Vec<Call> {
        self.queue.retain(|queued| !queued.call.is_bound_to_connection());
        let mut lost = self.take_in_flight();
        lost.retain(|call| !call.is_bound_to_connection());
        lost
    }
}

fn calls(queued: VecDeque<Queued>) -> Vec<Call> {
    queued.into_iter().map(|queued| queued.call).collect()
}
