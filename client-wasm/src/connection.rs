//! The connection to the bridge: calls go in, replies come out, and where the bridge was
//! restarted it is found again. Nothing is ever sent twice: what was in flight when the
//! connection broke is answered with an error.

mod calls;
mod deadlines;
mod dialer;
mod failures;
mod upkeep;
mod watches;

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use gloo_timers::callback::Timeout;
use js_sys::Function;
use pkcs11_bridge_protocol::MAX_FRAME_LEN;
use pkcs11_bridge_protocol::call::{Cancel, Method};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::{Id, Request};
use wasm_bindgen_futures::spawn_local;

use crate::events::{Direction, Events};
use crate::socket::Sender;
use calls::{Call, Calls, Frame, Outcome};
use deadlines::clock;
use dialer::Dialer;
pub(crate) use failures::cancelled;
use watches::Watches;

/// A connection that heals itself until it is closed.
pub(crate) struct Connection {
    ports: RangeInclusive<u16>,
    limits: Limits,
    events: Events,
    state: RefCell<State>,
}

/// Time limits in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// For the search for the bridge.
    pub(crate) search: u32,
    /// For how long the bridge may be silent about a call.
    pub(crate) silence: u32,
}

struct State {
    link: Link,
    calls: Calls,
    watches: Watches,
    /// The next look at the deadlines of the calls. Where the call that it was meant for is
    /// answered it stays, for those that follow.
    look: Option<Timeout>,
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
    /// Finds the bridge. `module` is the one that the page means where it names none.
    pub(crate) async fn open(
        ports: RangeInclusive<u16>,
        limits: Limits,
        module: Option<String>,
    ) -> Result<Rc<Self>, ErrorObject> {
        let mut dialer = Dialer::new(ports.clone());
        let Some(socket) = dialer.dial(limits.search).await else {
            return Err(failures::unreachable(&ports).into());
        };
        let link = Link::Open(socket.sender());
        let (calls, watches) = (Calls::default(), Watches::new(module));
        let connection = Rc::new_cyclic(|this: &Weak<Self>| {
            let this = this.clone();
            let listeners_changed = move || {
                if let Some(connection) = this.upgrade() {
                    connection.watch();
                }
            };
            Self {
                ports,
                limits,
                events: Events::new(listeners_changed),
                state: RefCell::new(State { link, calls, watches, look: None, last_id: 0 }),
            }
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
        params: M,
        hide: impl FnOnce(&mut M),
    ) -> Result<Reply, ErrorObject> {
        self.call_with_progress(params, hide, None)
    }

    /// [`Connection::call`], with what the page wants to be called with its progress.
    pub(crate) fn call_with_progress<M: Method>(
        self: &Rc<Self>,
        mut params: M,
        hide: impl FnOnce(&mut M),
        on_progress: Option<Function>,
    ) -> Result<Reply, ErrorObject> {
        let id = self.new_id();
        let text = encode(id, &params)?;
        let shown = if self.events.traffic_wanted() {
            hide(&mut params);
            Some(encode(id, &params)?)
        } else {
            None
        };
        Ok(self.submit(id, M::NAME, Frame { text, shown }, on_progress)?)
    }

    /// Gives up what is left of a `signDataBatch`. One that waits in the queue fails; one in flight is
    /// answered by the bridge, with the signatures that it has made.
    pub(crate) fn cancel(self: &Rc<Self>, id: u64) {
        let mut state = self.state.borrow_mut();
        if let Some(mut call) = state.calls.withdraw(id) {
            call.answer(Err(failures::cancelled().into()));
        } else if state.calls.in_flight(id).is_some() {
            drop(state);
            self.send_cancel(id);
        }
    }

    /// Fails every call, and ends the connection for good.
    pub(crate) fn close(&self) {
        let link = {
            let mut state = self.state.borrow_mut();
            state.calls.fail_queued(failures::closed);
            state.calls.fail_in_flight(|_| failures::closed());
            state.look = None;
            std::mem::replace(&mut state.link, Link::Closed)
        };
        if let Link::Open(sender) = link {
            sender.close();
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
        on_progress: Option<Function>,
    ) -> Result<Reply, Failure> {
        let mut state = self.state.borrow_mut();
        if matches!(state.link, Link::Closed) {
            return Err(failures::closed());
        }
        if frame.text.len() > MAX_FRAME_LEN {
            return Err(failures::too_long(frame.text.len()));
        }
        let (answer, reply) = oneshot::channel();
        state.calls.push(Call::new(id, method, answer, clock(), on_progress), frame);
        state.look.get_or_insert_with(|| self.look_in(self.limits.silence));
        if let Link::Pausing { .. } = state.link {
            state.search_begins();
        }
        drop(state);
        self.send_queued();
        Ok(Reply { id, outcome: reply })
    }

    fn send_cancel(self: &Rc<Self>, id: u64) {
        // Nobody waits for its reply: that of the batch says it all.
        let _ = self.call(Cancel { id: Id::Number(id) }, |_| ());
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
                self.events.traffic(Direction::Sent, Some(id), &shown.into());
            }
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state.borrow().link, Link::Closed)
    }
}

fn encode<M: Method>(id: u64, params: &M) -> Result<String, Failure> {
    Request::encode(id, params).map_err(|_| failures::bad_request(M::NAME))
}

/// The reply to a call that was made.
pub(crate) struct Reply {
    id: u64,
    outcome: oneshot::Receiver<Outcome>,
}

impl Reply {
    /// The id of the request.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the result.
    pub(crate) async fn result(self) -> Outcome {
        // The connection answers every call before it lets go of it.
        self.outcome.await.unwrap_or_else(|_| Err(failures::closed().into()))
    }
}

impl State {
    fn search_begins(&mut self) {
        self.link = Link::Searching;
        self.calls.search_begins();
    }
}
