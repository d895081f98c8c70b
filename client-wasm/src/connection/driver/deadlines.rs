//! The deadlines of calls: one that the bridge does not answer in time fails.

use pkcs11_bridge_protocol::call::{Method, SignDataBatch};

use super::{Driver, clock};
use crate::connection::failures;

impl Driver {
    /// Fails the calls whose time is over, and sets the timer for the next deadline.
    pub(super) fn check_deadlines(&mut self) {
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
}
