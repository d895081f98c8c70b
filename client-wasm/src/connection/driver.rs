//! The state of a connection, and its steps. A step never calls the page: see [`Effect`].
//!
//! The client sends no request twice. If the connection breaks, the calls in flight fail.

mod deadlines;
mod proof;
mod search;
mod slot_watches;

use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use js_sys::{Function, JSON};
use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_protocol::call::{Cancel, Method};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::event::{Event, Progress, Slot};
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::{Id, Incoming, NotAMessage};
use wasm_bindgen::prelude::*;

use super::calls::{Call, Caller, Calls, Frame, Outcome};
use super::effect::Effect;
use super::link::Link;
use super::watches::Watches;
use super::{Connection, Limits, PendingReply, failures};
use crate::bridge_search::BridgeSearch;
use crate::events::Events;

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
