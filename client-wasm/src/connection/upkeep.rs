//! What keeps a connection up: receiving, noticing that the bridge is gone, and finding it again.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_channel::oneshot;
use gloo_timers::future::TimeoutFuture;
use js_sys::{Date, JSON};
use pkcs11_bridge_protocol::event::{Event, Progress, Slot};
use pkcs11_bridge_protocol::message::{Id, Incoming};
use serde_json::value::RawValue;
use wasm_bindgen::JsValue;

use super::deadlines::clock;
use super::dialer::{Dialer, Pauses};
use super::{Connection, Link, failures};
use crate::callback::report;
use crate::events::Direction;
use crate::object::record;
use crate::reply::unreadable;
use crate::socket::{Arrival, Closed, Sender, Socket};

impl Connection {
    /// Receives until the connection is lost, finds the bridge again, and so on until the page
    /// closes it.
    pub(super) async fn run(self: Rc<Self>, mut dialer: Dialer, mut socket: Socket) {
        let mut pauses = Pauses::new();
        loop {
            let opened = Date::now();
            let closed = self.receive(&mut socket).await;
            drop(socket);
            if Date::now() - opened >= STEADY {
                pauses = Pauses::new();
            }
            self.lose(&closed);
            match self.search(&mut dialer, &mut pauses).await {
                Some(found) => socket = found,
                None => return,
            }
            self.events.open();
            self.send_queued();
            self.watch();
        }
    }

    async fn receive(self: &Rc<Self>, socket: &mut Socket) -> Closed {
        loop {
            let text = match socket.next().await {
                Arrival::Text(text) => text,
                Arrival::Closed(closed) => return closed,
            };
            match Incoming::decode(&text) {
                Ok(incoming) => self.handle(incoming, &text, &socket.sender()),
                // Which call it answers is not known, so all of them have to end.
                Err(_) => socket.sender().refuse(NOT_READABLE),
            }
        }
    }

    fn handle(self: &Rc<Self>, incoming: Incoming<'_>, text: &str, sender: &Sender) {
        match incoming {
            Incoming::Reply { id: Some(Id::Number(id)), outcome } => {
                self.tell_traffic(Some(id), text);
                let allowed = outcome.is_ok();
                let outcome =
                    outcome.and_then(|result| parse(result).ok_or_else(|| unreadable().into()));
                self.state.borrow_mut().calls.land(id, outcome);
                self.send_queued();
                if allowed {
                    self.watch_what_was_refused();
                }
            }
            Incoming::Reply { id: Some(Id::String(_)), .. } => sender.refuse(NOT_READABLE),
            Incoming::Reply { id: None, .. } => self.tell_traffic(None, text),
            Incoming::Event { method, params } => {
                self.tell_traffic(None, text);
                let Some(params) = params else { return };
                if method == Progress::NAME {
                    if let Ok(progress) = serde_json::from_str(params.get()) {
                        self.pass_on(&progress);
                    }
                } else if method == Slot::NAME
                    && let Some(detail) = parse(params)
                    && detail.is_object()
                {
                    self.events.slot(&detail);
                }
            }
        }
    }

    fn tell_traffic(&self, id: Option<u64>, text: &str) {
        if self.events.traffic_wanted() {
            self.events.traffic(Direction::Received, id, &text.into());
        }
    }

    /// Tells the page, which may call the client: nothing may be borrowed then.
    fn pass_on(self: &Rc<Self>, progress: &Progress) {
        let Id::Number(id) = progress.id else { return };
        let mut state = self.state.borrow_mut();
        let call = state.calls.in_flight(id);
        let on_progress = call.and_then(|call| call.goes_on(clock()));
        drop(state);
        if let Some(on_progress) = on_progress {
            let (done, total) = (progress.done as f64, progress.total as f64);
            let progress = record(&[("done", &done.into()), ("total", &total.into())]);
            on_progress.call1(&JsValue::UNDEFINED, &progress).map_or_else(report, drop);
        }
    }

    fn lose(&self, closed: &Closed) {
        let reconnecting = {
            let mut state = self.state.borrow_mut();
            let reconnecting = !matches!(state.link, Link::Closed);
            if reconnecting {
                state.link = Link::Searching;
                state.watches.lose(closed.code == REVOKED);
                state.calls.fail_in_flight(|call| failures::lost_in_flight(call, closed));
                if closed.code == REVOKED {
                    // On a new connection they would have the user asked again.
                    state.calls.fail_queued(|| failures::revoked(closed));
                }
                state.calls.fail_searched(failures::lost_unsent);
            }
            reconnecting
        };
        self.events.close(closed, reconnecting);
    }

    /// Searches until the bridge is found; `None` where the page closed the connection meanwhile.
    async fn search(&self, dialer: &mut Dialer, pauses: &mut Pauses) -> Option<Socket> {
        loop {
            self.pause(pauses).await;
            if self.is_closed() {
                return None;
            }
            let found = dialer.dial(self.limits.search).await;
            let mut state = self.state.borrow_mut();
            match (&state.link, found) {
                (Link::Closed, _) => return None,
                (_, Some(socket)) => {
                    state.link = Link::Open(socket.sender());
                    return Some(socket);
                }
                (_, None) => state.calls.fail_searched(|| failures::unreachable(&self.ports)),
            }
        }
    }

    /// Waits before a search, but not where a call is waiting.
    async fn pause(&self, pauses: &mut Pauses) {
        let mut woken = {
            let mut state = self.state.borrow_mut();
            if matches!(state.link, Link::Closed) || state.calls.are_queued() {
                state.calls.search_begins();
                return;
            }
            let (wake, woken) = oneshot::channel();
            state.link = Link::Pausing { _wake: wake };
            woken
        };
        let mut time = TimeoutFuture::new(pauses.next());
        poll_fn(|cx| {
            let over =
                Pin::new(&mut woken).poll(cx).is_ready() || Pin::new(&mut time).poll(cx).is_ready();
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let mut state = self.state.borrow_mut();
        if !matches!(state.link, Link::Closed) {
            state.search_begins();
        }
    }
}

/// After a connection that held this many milliseconds the pauses start anew.
const STEADY: f64 = 10_000.0;

/// The code with which the bridge closes the connections of an origin that was revoked.
const REVOKED: u16 = 1008;

/// Why the client closes when a frame is not a message.
const NOT_READABLE: &str = "a frame that cannot be read";

/// The value of JavaScript that the JSON stands for. `None` if the browser cannot read it.
fn parse(json: &RawValue) -> Option<JsValue> {
    JSON::parse(json.get()).ok()
}
