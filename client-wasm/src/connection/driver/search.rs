//! The search for the bridge: before the first call, and after the connection was lost.

use futures_channel::oneshot;
use pkcs11_bridge_protocol::failure::Failure;

use super::Driver;
use crate::connection::effect::Effect;
use crate::connection::failures;
use crate::connection::link::Link;
use crate::socket::Closed;

impl Driver {
    /// The connection was lost, or closed by the page.
    pub(in crate::connection) fn lose(&mut self, closed: Closed) {
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
    pub(in crate::connection) fn pause(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.is_closed() || self.calls.are_queued() {
            self.calls.start_search();
            return None;
        }
        let (link, woken) = Link::pausing();
        self.link = link;
        Some(woken)
    }

    /// A search starts: its result decides about the calls that are queued now.
    pub(in crate::connection) fn start_search(&mut self) {
        if !self.is_closed() {
            self.link = Link::Searching;
            self.calls.start_search();
        }
    }

    /// A search ended. Returns whether the task has to stop searching.
    pub(in crate::connection) fn end_search(&mut self, found: Result<Link, Failure>) -> bool {
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

    fn fail_searched(&mut self, failure: impl Fn() -> Failure) {
        for call in self.calls.take_searched() {
            self.answer(call.id, call.caller, Err(failure().into()));
        }
    }
}

/// The code with which the bridge closes the connections of an origin that the user revoked.
const REVOKED: u16 = 1008;
