//! The connection to the bridge, as the page's objects hold it: a handle of the [`Driver`].
//!
//! The driver owns the state and takes one step at a time. It leaves the effects of a step, such
//! as frames to send and events for the page, in a queue. The handle carries out the queue after
//! the step, so the page may call the client from every callback.

mod backoff;
mod calls;
mod driver;
mod effect;
mod failures;
mod link;
mod task;
mod watches;

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use futures_channel::oneshot;
use js_sys::Function;
use pkcs11_bridge_protocol::call::Method;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;

use crate::bridge_search::BridgeSearch;
use crate::events::Events;
use calls::{Frame, Outcome};
use driver::Driver;
use effect::Effect;
pub(crate) use failures::{cancelled, unreadable};
use task::link;

/// A connection that the client opens again whenever it is lost, until the page closes it.
pub(crate) struct Connection {
    events: Rc<Events>,
    driver: RefCell<Driver>,
    /// Whether a step further up the call stack is performing effects.
    performing: Cell<bool>,
}

/// Time limits in milliseconds.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// The time for one search for the bridge.
    pub(crate) search: u32,
    /// How long the bridge may be silent about a call.
    pub(crate) silence: u32,
}

impl Connection {
    /// Finds the bridge. `module` is the page's module for calls that name none.
    pub(crate) async fn open(
        search: BridgeSearch,
        limits: Limits,
        module: Option<String>,
    ) -> Result<Rc<Self>, ErrorObject> {
        let found = search.find().await?;
        let connection = Rc::new_cyclic(|handle: &Weak<Self>| {
            let events = Rc::new(Events::new(update_watches(handle.clone())));
            let driver = Driver::new(
                handle.clone(),
                events.clone(),
                search.clone(),
                limits,
                module,
                link(&found),
            );
            Self { events, driver: RefCell::new(driver), performing: Cell::new(false) }
        });
        spawn_local(task::run(connection.clone(), search, found.socket));
        Ok(connection)
    }

    /// The page's listeners.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Calls a method. Sends the request now, or queues it. `hide` removes from the parameters
    /// what the page's "traffic" listeners must not see.
    pub(crate) fn call<M: Method>(
        &self,
        params: M,
        hide: impl FnOnce(&mut M),
    ) -> Result<PendingReply, ErrorObject> {
        self.call_with_progress(params, hide, None)
    }

    /// As [`Connection::call`]. Calls `on_progress` whenever the bridge reports progress.
    pub(crate) fn call_with_progress<M: Method>(
        &self,
        params: M,
        hide: impl FnOnce(&mut M),
        on_progress: Option<Function>,
    ) -> Result<PendingReply, ErrorObject> {
        let id = self.step(Driver::new_id);
        let frame = Frame::encode(id, params, hide, self.events.traffic_wanted())?;
        Ok(self.submit(id, M::NAME, frame, on_progress)?)
    }

    // Not generic, because the code would be there once for each method.
    fn submit(
        &self,
        id: u64,
        method: &'static str,
        frame: Frame,
        on_progress: Option<Function>,
    ) -> Result<PendingReply, Failure> {
        self.step(|driver| driver.call(id, method, frame, on_progress))
    }

    /// Cancels a `signDataBatch`. A queued one fails. One in flight ends early: the bridge replies
    /// with the signatures that it has made.
    pub(crate) fn cancel(&self, id: u64) {
        self.step(|driver| driver.cancel(id));
    }

    /// Watches the slots of a module while the page listens to "slot".
    pub(crate) fn add_module(&self, module: &Option<String>) {
        self.step(|driver| driver.add_module(module));
    }

    /// Fails every call, and ends the connection for good.
    pub(crate) fn close(&self) {
        self.step(Driver::close);
    }

    /// Lets the driver take a step, and performs its effects.
    ///
    /// A callback of the page may call the client and so take another step. The effects of that
    /// step go to the end of the queue, and the outer step performs them.
    fn step<T>(&self, step: impl FnOnce(&mut Driver) -> T) -> T {
        let result = step(&mut self.driver.borrow_mut());
        self.perform_effects();
        result
    }

    fn perform_effects(&self) {
        if self.performing.replace(true) {
            return;
        }
        while let Some(effect) = self.next_effect() {
            effect.perform(&self.events);
        }
        self.performing.set(false);
    }

    fn next_effect(&self) -> Option<Effect> {
        self.driver.borrow_mut().next_effect()
    }
}

/// Called by [`Events`] after the page added or removed listeners.
fn update_watches(connection: Weak<Connection>) -> impl FnMut() {
    move || {
        if let Some(connection) = connection.upgrade() {
            connection.step(Driver::update_watches);
        }
    }
}

/// The reply to a call of the page.
pub(crate) struct PendingReply {
    id: u64,
    outcome: oneshot::Receiver<Outcome>,
}

impl PendingReply {
    /// The id of the request.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Waits for the result.
    pub(crate) async fn result(self) -> Result<JsValue, ErrorObject> {
        // The driver answers every call before it drops it.
        self.outcome.await.unwrap_or_else(|_| Err(failures::closed().into()))
    }
}
