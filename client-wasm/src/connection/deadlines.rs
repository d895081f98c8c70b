//! For how long the bridge may be silent about a call. One timer serves all calls: one for each
//! would be a good part of what a call costs the page.

use std::rc::Rc;

use gloo_timers::callback::Timeout;
use pkcs11_bridge_protocol::call::{Method, SignDataBatch};
use wasm_bindgen::prelude::*;

use super::{Connection, failures};

impl Connection {
    /// The look that is due in so many milliseconds.
    pub(super) fn look_in(self: &Rc<Self>, milliseconds: u32) -> Timeout {
        let connection = Rc::downgrade(self);
        Timeout::new(milliseconds, move || {
            if let Some(connection) = connection.upgrade() {
                connection.look();
            }
        })
    }

    /// Fails the calls whose time is over, and comes again when the next one's will be.
    fn look(self: &Rc<Self>) {
        let limit = f64::from(self.limits.silence);
        let left = |since: f64| limit - (clock() - since);
        let waiting = self.state.borrow().calls.waiting().collect::<Vec<_>>();
        for (id, _) in waiting.into_iter().filter(|&(_, since)| left(since) <= 0.0) {
            self.expire(id);
        }
        let mut state = self.state.borrow_mut();
        let least = state.calls.waiting().map(|(_, since)| left(since)).reduce(f64::min);
        // A fraction of a millisecond too early would be in vain.
        state.look = least.map(|least| self.look_in(least.ceil() as u32));
    }

    /// Fails the call whose time is over. In flight it keeps its place until the late reply comes,
    /// because the bridge still counts it; and nobody waits for more signatures of a batch.
    fn expire(self: &Rc<Self>, id: u64) {
        let mut state = self.state.borrow_mut();
        let limit = self.limits.silence;
        if let Some(mut call) = state.calls.withdraw(id) {
            let failure = failures::too_late_unsent(&call, limit);
            call.answer(Err(failure.into()));
        } else if let Some(call) = state.calls.in_flight(id) {
            let failure = failures::too_late_in_flight(call, limit);
            call.answer(Err(failure.into()));
            if call.method == SignDataBatch::NAME {
                drop(state);
                self.send_cancel(id);
            }
        }
    }
}

#[wasm_bindgen]
extern "C" {
    /// Milliseconds on a clock that nobody sets.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(super) fn clock() -> f64;
}
