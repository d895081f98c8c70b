//! Watches the slots of the modules while the page listens to "slot".

use pkcs11_bridge_protocol::call::{UnwatchSlots, WatchSlots};

use super::Driver;
use crate::connection::calls::{Caller, Frame, Outcome};
use crate::connection::effect::Effect;
use crate::connection::watches::Change;

impl Driver {
    /// Asks the bridge to watch what the page listens to, and to stop watching the rest.
    pub(in crate::connection) fn update_watches(&mut self) {
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
    pub(in crate::connection) fn add_module(&mut self, module: &Option<String>) {
        self.watches.add(module);
        self.update_watches();
    }

    pub(super) fn end_change(&mut self, index: usize, change: Change, outcome: Outcome) {
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
}
