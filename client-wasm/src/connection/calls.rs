//! The calls of a connection that wait for their reply: those in the queue, and those in flight.
//! Nothing is in flight twice, and each call is answered once.

use std::collections::VecDeque;
use std::mem;

use futures_channel::oneshot;
use js_sys::Function;
use pkcs11_bridge_protocol::call::{Cancel, Method, UnwatchSlots, WatchSlots};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::{MAX_IN_FLIGHT, MAX_IN_FLIGHT_LEN};
use wasm_bindgen::JsValue;

/// The reply to a call: its result, or why it failed.
pub(crate) type Outcome = Result<JsValue, ErrorObject>;

/// An encoded request.
pub(crate) struct Frame {
    /// What is sent. May hold a PIN.
    pub(crate) text: String,
    /// What the page may see of it, where it asked for the traffic.
    pub(crate) shown: Option<String>,
}

/// A call that waits for its reply.
pub(crate) struct Call {
    pub(crate) id: u64,
    pub(crate) method: &'static str,
    /// `None` where the caller was answered already, because the time was over.
    reply: Option<oneshot::Sender<Outcome>>,
    /// When it was made or the bridge was last heard of it, in milliseconds.
    since: f64,
    /// What the page wants to be called with the progress.
    on_progress: Option<Function>,
    /// The length of the request in flight.
    len: usize,
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
    /// The bytes of their requests.
    in_flight_len: usize,
}

impl Call {
    pub(crate) fn new(
        id: u64,
        method: &'static str,
        reply: oneshot::Sender<Outcome>,
        since: f64,
        on_progress: Option<Function>,
    ) -> Self {
        Self { id, method, reply: Some(reply), since, on_progress, len: 0 }
    }

    /// Answers the caller, unless that has happened already.
    pub(crate) fn answer(&mut self, outcome: Outcome) {
        if let Some(reply) = self.reply.take() {
            // Fails where the caller is gone.
            let _ = reply.send(outcome);
        }
    }

    /// The bridge is at work on the call. Returns who wants to know.
    pub(crate) fn goes_on(&mut self, now: f64) -> Option<Function> {
        self.since = now;
        self.on_progress.clone()
    }
}

impl Queued {
    fn is_cancel(&self) -> bool {
        self.call.method == Cancel::NAME
    }

    /// Whether it is about the connection, and means nothing on the next one.
    fn dies_with_connection(&self) -> bool {
        [Cancel::NAME, WatchSlots::NAME, UnwatchSlots::NAME].contains(&self.call.method)
    }
}

impl Calls {
    /// Puts a call at the end of the queue; a `cancel` at its front.
    pub(crate) fn push(&mut self, call: Call, frame: Frame) {
        let queued = Queued { call, frame, searched: false };
        if queued.is_cancel() {
            self.queue.push_front(queued);
        } else {
            self.queue.push_back(queued);
        }
    }

    /// Whether calls are in the queue.
    pub(crate) fn are_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes the next call off the queue and counts it as in flight, as far as the bridge's limit
    /// allows. Returns what is to be sent.
    pub(crate) fn launch(&mut self) -> Option<(u64, Frame)> {
        let next = self.queue.front()?;
        // The last place is for `cancel`, which otherwise might have to wait for what it ends.
        let places = MAX_IN_FLIGHT - usize::from(!next.is_cancel());
        let len = if next.is_cancel() { 0 } else { next.frame.text.len() };
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

    /// Answers the call in flight with that id; an id that nobody waits for is ignored.
    pub(crate) fn land(&mut self, id: u64, outcome: Outcome) {
        if let Some(at) = self.in_flight.iter().position(|call| call.id == id) {
            let mut call = self.in_flight.swap_remove(at);
            self.in_flight_len -= call.len;
            call.answer(outcome);
        }
    }

    /// The call in flight with that id, where its caller still waits.
    pub(crate) fn in_flight(&mut self, id: u64) -> Option<&mut Call> {
        self.in_flight.iter_mut().find(|call| call.id == id && call.reply.is_some())
    }

    /// Which calls wait for a reply, and since when.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (u64, f64)> {
        let queued = self.queue.iter().map(|queued| &queued.call);
        let calls = queued.chain(&self.in_flight);
        calls.filter(|call| call.reply.is_some()).map(|call| (call.id, call.since))
    }

    /// Takes the call with that id out of the queue, where it is there.
    pub(crate) fn withdraw(&mut self, id: u64) -> Option<Call> {
        let at = self.queue.iter().position(|queued| queued.call.id == id)?;
        self.queue.remove(at).map(|queued| queued.call)
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

    /// Fails the calls in flight, and drops those in the queue that are about this connection.
    pub(crate) fn fail_in_flight(&mut self, failure: impl Fn(&Call) -> Failure) {
        self.queue.retain(|queued| !queued.dies_with_connection());
        self.in_flight_len = 0;
        for mut call in mem::take(&mut self.in_flight) {
            let failure = failure(&call);
            call.answer(Err(failure.into()));
        }
    }

    /// Fails the calls in the queue.
    pub(crate) fn fail_queued(&mut self, failure: impl Fn() -> Failure) {
        for mut queued in mem::take(&mut self.queue) {
            queued.call.answer(Err(failure().into()));
        }
    }
}
