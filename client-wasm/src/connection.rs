//! The connection to the bridge: calls go in, replies come out, and where the bridge was
//! restarted it is found again. Nothing is ever sent twice: what was in flight when the
//! connection broke is answered with an error.

mod calls;
mod dialer;
mod failures;
mod upkeep;

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::Rc;

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_protocol::call::Method;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure};
use pkcs11_bridge_protocol::message::Request;
use wasm_bindgen_futures::spawn_local;
use zeroize::Zeroizing;

use crate::events::{Direction, Events};
use crate::socket::Sender;
use calls::{Call, Calls, Frame, Outcome};
use dialer::Dialer;

/// A connection that heals itself until it is closed.
pub(crate) struct Connection {
    ports: RangeInclusive<u16>,
    timeout: u32,
    events: Events,
    state: RefCell<State>,
}

struct State {
    link: Link,
    calls: Calls,
    last_id: u64,
}

enum Link {
    /// There is a WebSocket.
    Open(Sender),
    /// There is none, and the ports are being tried.
    Searching,
    /// There is none, and it is a while until the next search. Dropping this starts it now.
    Pausing { _wake: oneshot::Sender<()> },
    /// The page closed it.
    Closed,
}

impl Connection {
    /// Finds the bridge. `timeout` in milliseconds holds for the search and for each call.
    pub(crate) async fn open(
        ports: RangeInclusive<u16>,
        timeout: u32,
    ) -> Result<Rc<Self>, ErrorObject> {
        let mut dialer = Dialer::new(ports.clone());
        let Some(socket) = dialer.dial(timeout).await else {
            return Err(failures::unreachable(&ports).into());
        };
        let link = Link::Open(socket.sender());
        let connection = Rc::new(Self {
            ports,
            timeout,
            events: Events::new(),
            state: RefCell::new(State { link, calls: Calls::default(), last_id: 0 }),
        });
        spawn_local(connection.clone().run(dialer, socket));
        Ok(connection)
    }

    /// Where the page listens.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Calls a method. `hide` takes out of the parameters what the page's "traffic" listeners
    /// must not see. The call is made now; the future only waits for the reply.
    pub(crate) fn call<M: Method>(
        self: &Rc<Self>,
        mut params: M,
        hide: impl FnOnce(&mut M),
    ) -> Result<Reply, ErrorObject> {
        let id = self.new_id();
        let encode =
            |params: &M| Request::encode(id, params).map_err(|_| failures::bad_request(M::NAME));
        let text = Zeroizing::new(encode(&params)?);
        let shown = if self.events.traffic_wanted() {
            hide(&mut params);
            Some(encode(&params)?)
        } else {
            None
        };
        Ok(self.submit(id, M::NAME, Frame { text, shown })?)
    }

    /// Fails every call, and ends the connection for good.
    pub(crate) fn close(&self) {
        let link = {
            let mut state = self.state.borrow_mut();
            state.calls.fail_all(|_| failures::closed());
            std::mem::replace(&mut state.link, Link::Closed)
        };
        if let Link::Open(sender) = link {
            sender.close(1000, "");
        }
    }

    fn new_id(&self) -> u64 {
        let mut state = self.state.borrow_mut();
        state.last_id += 1;
        state.last_id
    }

    fn submit(
        self: &Rc<Self>,
        id: u64,
        method: &'static str,
        frame: Frame,
    ) -> Result<Reply, Failure> {
        let mut state = self.state.borrow_mut();
        if matches!(state.link, Link::Closed) {
            return Err(failures::closed());
        }
        if frame.text.len() > MAX_FRAME_LEN {
            return Err(failures::too_long(frame.text.len()));
        }
        let (answer, reply) = oneshot::channel();
        state.calls.push(Call::new(id, method, answer, self.deadline(id)), frame);
        if let Link::Pausing { .. } = state.link {
            state.search_begins();
        }
        drop(state);
        self.send_queued();
        Ok(Reply(reply))
    }

    fn deadline(self: &Rc<Self>, id: u64) -> Timeout {
        let connection = Rc::downgrade(self);
        let timeout = self.timeout;
        Timeout::new(timeout, move || {
            if let Some(connection) = connection.upgrade() {
                let mut state = connection.state.borrow_mut();
                state.calls.expire(id, |call, stage| failures::too_late(call, stage, timeout));
            }
        })
    }

    /// Sends what is in the queue, as far as the connection and the limit allow.
    fn send_queued(&self) {
        loop {
            let (sender, (id, frame)) = {
                let mut state = self.state.borrow_mut();
                match &state.link {
                    Link::Open(sender) if sender.is_open() => {
                        let sender = sender.clone();
                        match state.calls.launch() {
                            Some(launched) => (sender, launched),
                            None => return,
                        }
                    }
                    _ => return,
                }
            };
            sender.send(&frame.text);
            if let Some(shown) = frame.shown {
                self.events.traffic(Direction::Sent, Some(id), &shown);
            }
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state.borrow().link, Link::Closed)
    }
}

/// The reply to a call that was made.
pub(crate) struct Reply(oneshot::Receiver<Outcome>);

impl Reply {
    /// Waits for the result.
    pub(crate) async fn result(self) -> Outcome {
        // The connection answers every call before it lets go of it.
        self.0.await.unwrap_or_else(|_| Err(failures::closed().into()))
    }
}

impl State {
    fn search_begins(&mut self) {
        self.link = Link::Searching;
        self.calls.search_begins();
    }
}
