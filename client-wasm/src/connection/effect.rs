//! What a step of the driver has to do outside the driver: frames to send, and everything that
//! the page can see.

use js_sys::Function;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::event::Progress;
use wasm_bindgen::JsValue;

use super::calls::Frame;
use crate::events::{Direction, Events};
use crate::object::record;
use crate::responder::report;
use crate::socket::{Closed, Sender};

/// One effect of a step.
pub(super) enum Effect {
    /// Sends a request.
    Send { sender: Sender, id: u64, frame: Frame },
    /// Starts the closing handshake.
    CloseSocket(Sender),
    /// Starts the closing handshake, because the program is not the bridge.
    RefuseSocket(Sender),
    /// Calls a batch's `onProgress`.
    Progress { on_progress: Function, progress: Progress },
    /// Dispatches "traffic" for a received frame. `id` is `None` if no call is meant.
    Received { id: Option<u64>, text: JsValue },
    /// Dispatches "open".
    Opened,
    /// Dispatches "close".
    Closed { closed: Closed, reconnecting: bool },
    /// Dispatches "slot".
    Slot(JsValue),
    /// Dispatches "watch": the bridge watches a module, or cannot.
    Watch { module: Option<String>, failure: Option<ErrorObject> },
}

impl Effect {
    /// Carries it out. May call the page, and the page may call the client.
    pub(super) fn perform(self, events: &Events) {
        match self {
            Self::Send { sender, id, frame } => {
                sender.send(&frame.text);
                if let Some(shown) = frame.shown {
                    events.traffic(Direction::Sent, Some(id), &shown.into());
                }
            }
            Self::CloseSocket(sender) => sender.close(),
            Self::RefuseSocket(sender) => sender.refuse("the key was not proved"),
            Self::Progress { on_progress, progress } => call(&on_progress, &progress),
            Self::Received { id, text } => events.traffic(Direction::Received, id, &text),
            Self::Opened => events.open(),
            Self::Closed { closed, reconnecting } => events.close(&closed, reconnecting),
            Self::Slot(detail) => events.slot(&detail),
            Self::Watch { module, failure } => events.watch(module.as_deref(), failure),
        }
    }
}

fn call(on_progress: &Function, progress: &Progress) {
    let (done, total) = (progress.done as f64, progress.total as f64);
    let progress = record(&[("done", &done.into()), ("total", &total.into())]);
    on_progress.call1(&JsValue::UNDEFINED, &progress).map_or_else(report, drop);
}
