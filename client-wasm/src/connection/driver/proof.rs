//! The proof of the bridge's key, before the first call of a connection.

use pkcs11_bridge_protocol::call::{Hello, Method};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;

use super::{Driver, clock};
use crate::bridge_search::Challenge;
use crate::connection::calls::{Call, Caller, Frame};
use crate::connection::effect::Effect;
use crate::connection::link::Link;

impl Driver {
    /// Asks the bridge for its key, and lets it ask the user for approval.
    pub(super) fn start_proof(&mut self) {
        let Link::Unproved { sender, port } = &self.link else { return };
        let (sender, port) = (sender.clone(), *port);
        let (hello, challenge) = (self.new_id(), self.search.challenge(port));
        let text = challenge.hello(hello as f64, true);
        let shown = self.events.traffic_wanted().then(|| text.clone());
        self.calls.start(Call::new(hello, Hello::NAME, Caller::Proof(challenge), clock()));
        self.link = Link::Proving { sender: sender.clone(), port, hello };
        let frame = Frame { text, shown };
        self.effects.push_back(Effect::Send { sender, id: hello, frame });
    }

    /// The bridge answered the `hello`. Checking the proof takes time.
    pub(super) fn check_proof(&self, hello: u64, challenge: Challenge, result: JsValue) {
        let (connection, search) = (self.connection.clone(), self.search.clone());
        spawn_local(async move {
            let proof = search.check_proof(&challenge, &result).await;
            if let Some(connection) = connection.upgrade() {
                connection.step(|driver| driver.end_proof(hello, proof.map_err(Into::into)));
            }
        });
    }

    pub(super) fn end_proof(&mut self, id: u64, proof: Result<(), ErrorObject>) {
        // The connection may be another one by now.
        let Link::Proving { sender, port, hello } = &self.link else { return };
        if *hello != id {
            return;
        }
        let (sender, port) = (sender.clone(), *port);
        match proof {
            Ok(()) => {
                self.link = Link::Open(sender);
                self.send_queued();
                self.watches.allow_refused();
                self.update_watches();
            }
            Err(error) => {
                let wrong = [ErrorCode::BridgeNotProved, ErrorCode::BridgeKeyChanged];
                if wrong.iter().any(|code| error.is(*code)) {
                    self.effects.push_back(Effect::RefuseSocket(sender));
                    self.link = Link::Searching;
                } else {
                    self.link = Link::Unproved { sender, port };
                }
                for call in self.calls.take_queued() {
                    self.answer(call.id, call.caller, Err(error.clone()));
                }
            }
        }
    }
}
