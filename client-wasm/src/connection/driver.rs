//! The state of a connection, and its steps. A step never calls the page: see [`Effect`].
//!
//! The client sends no request twice. If the connection breaks, the calls in flight fail.

use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use js_sys::{Function, JSON};
use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_protocol::call::{
    Cancel, Hello, Method, SignDataBatch, UnwatchSlots, WatchSlots,
};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::event::{Event, Progress, Slot};
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::{Id, Incoming, NotAMessage};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::calls::{Call, Caller, Calls, Frame, Outcome};
use super::effect::Effect;
use super::link::Link;
use super::watches::{Change, Watches};
use super::{Connection, Limits, PendingReply, failures};
use crate::bridge_search::{BridgeSearch, Challenge};
use crate::events::Events;
use crate::socket::Closed;

/// The owner of a connection's state.
pub(super) struct Driver {
    /// For the timers, which take steps.
    connection: Weak<Connection>,
    /// The driver only asks to which events the page listens.
    events: Rc<Events>,
    search: BridgeSearch,
    limits: Limits,
    link: Link,
    calls: Calls,
    watches: Watches,
    /// The timer for the deadlines of all calls: one timer for each call would be a good part of
    /// its cost. It stays when its call is answered, for the calls that follow.
    deadline_timer: Option<Timeout>,
    last_id: u64,
    effects: VecDeque<Effect>,
}

impl Driver {
    pub(super) fn new(
        connection: Weak<Connection>,
        events: Rc<Events>,
        search: BridgeSearch,
        limits: Limits,
        module: Option<String>,
        link: Link,
    ) -> Self {
        Self {
            connection,
            events,
            search,
            limits,
            link,
            calls: Calls::default(),
            watches: Watches::new(module),
            deadline_timer: None,
            last_id: 0,
            effects: VecDeque::new(),
        }
    }

    /// Takes the oldest effect that was not performed yet.
    pub(super) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Sends a request of the page, or queues it.
    pub(super) fn call(
        &mut self,
        id: u64,
        method: &'static str,
        frame: Frame,
        on_progress: Option<Function>,
    ) -> Result<PendingReply, Failure> {
        let (reply, outcome) = oneshot::channel();
        self.submit(id, method, frame, Caller::Page { reply, on_progress })?;
        Ok(PendingReply { id, outcome })
    }

    /// Cancels a call of the page.
    pub(super) fn cancel(&mut self, id: u64) {
        if let Some(call) = self.calls.remove_queued(id) {
            self.answer(call.id, call.caller, Err(failures::cancelled().into()));
        } else if self.calls.in_flight(id).is_some() {
            self.send_cancel(id);
        }
    }

    /// Ends the connection for good.
    pub(super) fn close(&mut self) {
        if let Some(sender) = std::mem::replace(&mut self.link, Link::Closed).sender() {
            self.effects.push_back(Effect::CloseSocket(sender.clone()));
        }
        self.deadline_timer = None;
        for call in self.calls.take_queued().into_iter().chain(self.calls.take_in_flight()) {
            self.answer(call.id, call.caller, Err(failures::closed().into()));
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.link.is_closed()
    }

    /// Handles a frame. The error says that the bridge broke the protocol.
    pub(super) fn receive(&mut self, text: &str) -> Result<(), NotAMessage> {
        match Incoming::decode(text)? {
            Incoming::Reply { id: Some(Id::Number(id)), outcome } => {
                self.show_traffic(Some(id), text);
                self.finish(id, outcome);
            }
            // The ids of this client are numbers.
            Incoming::Reply { id: Some(Id::String(_)), .. } => return Err(NotAMessage),
            Incoming::Reply { id: None, .. } => self.show_traffic(None, text),
            Incoming::Event { method, params } => {
                self.show_traffic(None, text);
                if let Some(params) = params {
                    self.handle_event(&method, params);
                }
            }
        }
        Ok(())
    }

    /// The connection was lost, or closed by the page.
    pub(super) fn lose(&mut self, closed: Closed) {
        let reconnecting = !self.is_closed();
        if reconnecting {
            self.link = Link::Searching;
            let revoked = closed.code == REVOKED;
            self.watches.lose(revoked);
            for call in self.calls.lose_connection() {
                let failure = failures::lost_in_flight(call.method, &closed);
                self.answer(call.id, call.caller, Err(failure.into()));
            }
            if revoked {
                // On a new connection, these calls would make the bridge ask the user again.
                for call in self.calls.take_queued() {
                    self.answer(call.id, call.caller, Err(failures::revoked(&closed).into()));
                }
            }
            self.fail_searched(failures::lost_unsent);
        }
        self.effects.push_back(Effect::Closed { closed, reconnecting });
    }

    /// Decides whether the next search has to wait. It waits if no call is queued. The channel
    /// closes if a call comes.
    pub(super) fn pause(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.is_closed() || self.calls.are_queued() {
            self.calls.start_search();
            return None;
        }
        let (link, woken) = Link::pausing();
        self.link = link;
        Some(woken)
    }

    /// A search starts: its result decides about the calls that are queued now.
    pub(super) fn start_search(&mut self) {
        if !self.is_closed() {
            self.link = Link::Searching;
            self.calls.start_search();
        }
    }

    /// A search ended. Returns whether the task has to stop searching.
    pub(super) fn end_search(&mut self, found: Result<Link, Failure>) -> bool {
        match found {
            _ if self.is_closed() => {}
            Ok(link) => {
                self.link = link;
                self.effects.push_back(Effect::Opened);
                self.send_queued();
                self.update_watches();
                return true;
            }
            Err(failure) => self.fail_searched(|| failure.clone()),
        }
        false
    }

    /// Asks the bridge to watch what the page listens to, and to stop watching the rest.
    pub(super) fn update_watches(&mut self) {
        if !self.link.is_connected() {
            return;
        }
        for (index, change) in self.watches.changes(self.events.slots_wanted()) {
            let (id, module) = (self.new_id(), self.watches.module(index));
            let traffic = self.events.traffic_wanted();
            let frame = match change {
                Change::Watch => Frame::encode(id, WatchSlots { module }, |_| (), traffic),
                Change::Unwatch => Frame::encode(id, UnwatchSlots { module }, |_| (), traffic),
            };
            let caller = Caller::Watch { index, change };
            let submitted = frame.and_then(|frame| self.submit(id, change.method(), frame, caller));
            if let Err(failure) = submitted {
                self.end_change(index, change, Err(failure.into()));
            }
        }
    }

    /// Watches a module while the page listens to "slot".
    pub(super) fn add_module(&mut self, module: &Option<String>) {
        self.watches.add(module);
        self.update_watches();
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn submit(
        &mut self,
        id: u64,
        method: &'static str,
        frame: Frame,
        caller: Caller,
    ) -> Result<(), Failure> {
        if self.is_closed() {
            return Err(failures::closed());
        }
        if frame.text.len() > MAX_FRAME_LEN {
            return Err(failures::too_long(frame.text.len()));
        }
        self.calls.push(Call::new(id, method, caller, clock()), frame);
        if self.deadline_timer.is_none() {
            self.deadline_timer = Some(self.timer(self.limits.silence, Self::check_deadlines));
        }
        if let Link::Pausing { .. } = self.link {
            self.start_search();
        }
        self.send_queued();
        Ok(())
    }

    fn send_cancel(&mut self, id: u64) {
        let cancel_id = self.new_id();
        let cancel = Cancel { id: Id::Number(id) };
        let frame = Frame::encode(cancel_id, cancel, |_| (), self.events.traffic_wanted());
        // A failure means that the connection is closed, and the batch ended.
        let _ = frame.and_then(|frame| self.submit(cancel_id, Cancel::NAME, frame, Caller::Cancel));
    }

    /// Sends as many queued calls as the connection and the bridge's limits allow. Before the first
    /// of them, the bridge has to prove its key.
    fn send_queued(&mut self) {
        if self.calls.are_queued() {
            self.start_proof();
        }
        while let Some(sender) = self.link.open().cloned()
            && let Some((id, frame)) = self.calls.start_next()
        {
            self.effects.push_back(Effect::Send { sender, id, frame });
        }
    }

    /// Asks the bridge for its key, and lets it ask the user for approval.
    fn start_proof(&mut self) {
        let Link::Unproved { sender, port } = &self.link else { return };
        let (sender, port) = (sender.clone(), *port);
        let (hello, challenge) = (self.new_id(), self.search.challenge(port));
        let text = challenge.hello(hello as f64, true);
        let shown = self.events.traffic_wanted().then(|| text.clone());
        self.calls.start(Call::new(hello, Hello::NAME, Caller::Proof(challenge), clock()));
        self.link = Link::Proving { sender: sender.clone(), port, hello };
        let frame = Frame { text, shown };
        self.effects.push_back(Effect::Send { sender, id: hello, frame });
    }

    /// The bridge answered the `hello`. Checking the proof takes time.
    fn check_proof(&self, hello: u64, challenge: Challenge, result: JsValue) {
        let (connection, search) = (self.connection.clone(), self.search.clone());
        spawn_local(async move {
            let proof = search.check_proof(&challenge, &result).await;
            if let Some(connection) = connection.upgrade() {
                connection.step(|driver| driver.end_proof(hello, proof.map_err(Into::into)));
            }
        });
    }

    fn end_proof(&mut self, id: u64, proof: Result<(), ErrorObject>) {
        // The connection may be another one by now.
        let Link::Proving { sender, port, hello } = &self.link else { return };
        if *hello != id {
            return;
        }
        let (sender, port) = (sender.clone(), *port);
        match proof {
            Ok(()) => {
                self.link = Link::Open(sender);
                self.send_queued();
                self.watches.allow_refused();
                self.update_watches();
            }
            Err(error) => {
                let wrong = [ErrorCode::BridgeNotProved, ErrorCode::BridgeKeyChanged];
                if wrong.iter().any(|code| error.is(*code)) {
                    self.effects.push_back(Effect::RefuseSocket(sender));
                    self.link = Link::Searching;
                } else {
                    self.link = Link::Unproved { sender, port };
                }
                for call in self.calls.take_queued() {
                    self.answer(call.id, call.caller, Err(error.clone()));
                }
            }
        }
    }

    fn show_traffic(&mut self, id: Option<u64>, text: &str) {
        if self.events.traffic_wanted() {
            self.effects.push_back(Effect::Received { id, text: text.into() });
        }
    }

    fn handle_event(&mut self, name: &str, params: &str) {
        match name {
            Progress::NAME => {
                if let Some(progress) = Progress::decode(params)
                    && let Id::Number(id) = progress.id
                    && let Some(call) = self.calls.in_flight(id)
                    && let Some(on_progress) = call.progressed(clock())
                {
                    self.effects.push_back(Effect::Progress { on_progress, progress });
                }
            }
            Slot::NAME => {
                if let Some(detail) = parse(params).filter(JsValue::is_object) {
                    self.effects.push_back(Effect::Slot(detail));
                }
            }
            // A later bridge may send others.
            _ => {}
        }
    }

    fn finish(&mut self, id: u64, outcome: Result<&str, ErrorObject>) {
        let succeeded = outcome.is_ok();
        let caller = self.calls.finish(id);
        if caller.is_some() {
            let outcome =
                outcome.and_then(|json| parse(json).ok_or_else(|| failures::unreadable().into()));
            self.answer(id, caller, outcome);
        }
        self.send_queued();
        // A call succeeds only if the user has approved the page.
        if succeeded && self.watches.allow_refused() {
            self.update_watches();
        }
    }

    fn answer(&mut self, id: u64, caller: Option<Caller>, outcome: Outcome) {
        match caller {
            Some(Caller::Page { reply, .. }) => {
                // Only wakes the task that waits: the page sees the outcome later. Fails if the
                // task is gone.
                let _ = reply.send(outcome);
            }
            Some(Caller::Watch { index, change }) => self.end_change(index, change, outcome),
            Some(Caller::Proof(challenge)) => match outcome {
                Ok(result) => self.check_proof(id, challenge, result),
                // Bridges that cannot prove a key refuse the parameters. Checking nothing fails.
                Err(error) if error.is(ErrorCode::BadArgument) => {
                    self.check_proof(id, challenge, JsValue::UNDEFINED);
                }
                Err(error) => self.end_proof(id, Err(error)),
            },
            Some(Caller::Cancel) | None => {}
        }
    }

    fn end_change(&mut self, index: usize, change: Change, outcome: Outcome) {
        match change {
            Change::Watch => {
                let failure = outcome.err();
                if let Some(pause) = self.watches.end_watch(index, failure.as_ref()) {
                    let retry = self.timer(pause, move |driver| driver.retry_watch(index));
                    self.watches.retry_later(index, retry);
                }
                let module = self.watches.module(index);
                self.effects.push_back(Effect::Watch { module, failure });
            }
            Change::Unwatch => self.watches.end_unwatch(index),
        }
        // The page may have added or removed listeners meanwhile.
        self.update_watches();
    }

    fn retry_watch(&mut self, index: usize) {
        self.watches.retry(index);
        self.update_watches();
    }

    fn fail_searched(&mut self, failure: impl Fn() -> Failure) {
        for call in self.calls.take_searched() {
            self.answer(call.id, call.caller, Err(failure().into()));
        }
    }

    /// Fails the calls whose time is over, and sets the timer for the next deadline.
    fn check_deadlines(&mut self) {
        let limit = f64::from(self.limits.silence);
        let left = |since: f64| limit - (clock() - since);
        for id in self.calls.silent(|since| left(since) <= 0.0) {
            self.expire(id);
        }
        // Rounded up: a timer that comes a fraction of a millisecond early finds nothing to do.
        let next = self.calls.oldest().map(|since| left(since).ceil() as u32);
        self.deadline_timer = next.map(|next| self.timer(next, Self::check_deadlines));
    }

    /// Fails a call whose time is over. In flight it keeps its place until the late reply comes,
    /// because the bridge still counts it.
    fn expire(&mut self, id: u64) {
        let limit = self.limits.silence;
        if let Some(call) = self.calls.remove_queued(id) {
            let failure = failures::too_late_unsent(call.method, limit);
            self.answer(call.id, call.caller, Err(failure.into()));
        } else if let Some(call) = self.calls.in_flight(id) {
            let (method, caller) = (call.method, call.caller.take());
            let failure = failures::too_late_in_flight(method, limit);
            self.answer(id, caller, Err(failure.into()));
            if method == SignDataBatch::NAME {
                // Nothing waits for the rest of its signatures.
                self.send_cancel(id);
            }
        }
    }

    fn timer(&self, milliseconds: u32, step: impl FnOnce(&mut Self) + 'static) -> Timeout {
        let connection = self.connection.clone();
        Timeout::new(milliseconds, move || {
            if let Some(connection) = connection.upgrade() {
                connection.step(step);
            }
        })
    }
}

/// The JavaScript value of a JSON text. `None` if the browser cannot read the text.
fn parse(json: &str) -> Option<JsValue> {
    JSON::parse(json).ok()
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds of a monotonic clock.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(super) fn clock() -> f64;
}

/// The code with which the bridge closes the connections of an origin that the user revoked.
const REVOKED: u16 = 1008;
