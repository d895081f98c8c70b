//! What keeps a connection up: receiving, noticing that the bridge is gone, and finding it again.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use futures_channel::oneshot;
use gloo_timers::future::TimeoutFuture;
use js_sys::Date;

use super::dialer::{Dialer, Pauses};
use super::{Connection, Link, failures};
use crate::events::Direction;
use crate::incoming::{Incoming, Unreadable};
use crate::socket::{Arrival, Closed, Socket};

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
        }
    }

    async fn receive(&self, socket: &mut Socket) -> Closed {
        loop {
            let text = match socket.next().await {
                Arrival::Text(text) => text,
                Arrival::Binary => {
                    socket.sender().close(UNREADABLE, "a binary frame");
                    continue;
                }
                Arrival::Closed(closed) => return closed,
            };
            match Incoming::decode(&text) {
                Ok(incoming) => self.handle(incoming, &text),
                // Which call it answers is not known, so all of them have to end.
                Err(Unreadable) => socket.sender().close(UNREADABLE, "a frame that cannot be read"),
            }
        }
    }

    fn handle(&self, incoming: Incoming, text: &str) {
        let id = match &incoming {
            Incoming::Reply { id, .. } => Some(*id),
            Incoming::Other => None,
        };
        if self.events.traffic_wanted() {
            self.events.traffic(Direction::Received, id, text);
        }
        if let Incoming::Reply { id, outcome } = incoming {
            self.state.borrow_mut().calls.land(id, outcome);
            self.send_queued();
        }
    }

    fn lose(&self, closed: &Closed) {
        let reconnecting = {
            let mut state = self.state.borrow_mut();
            let reconnecting = !matches!(state.link, Link::Closed);
            if reconnecting {
                state.link = Link::Searching;
                state.calls.fail_in_flight(|call| failures::lost_in_flight(call, closed));
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
            let found = dialer.dial(self.timeout).await;
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

/// The code with which the client closes where the bridge broke the protocol (RFC 6455, 7.4.2).
const UNREADABLE: u16 = 4000;
