//! `signDataBatch`: its options, its cancellation by an `AbortSignal`, and its result.

use std::rc::Rc;

use js_sys::{Array, Function};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::arguments;
use crate::connection::{Connection, PendingReply, cancelled, unreadable};
use crate::object::{field, is_absent, set};
use crate::rest_exception::RestException;
use crate::signature_check::{self, SignatureCheck};

/// The options of the page.
pub(crate) struct Options {
    pub(crate) on_progress: Option<Function>,
    pub(crate) signal: Option<AbortSignal>,
}

impl Options {
    pub(crate) fn from_js(options: &JsValue) -> Result<Self, ErrorObject> {
        let [on_progress, signal] =
            arguments::fields("options", options, ["onProgress", "signal"])?;
        let signal = if is_absent(&signal) {
            None
        } else {
            let wrong = |_| Failure::bad_argument("signal", "has to be an AbortSignal.");
            Some(signal.dyn_into().map_err(wrong)?)
        };
        Ok(Self { on_progress: arguments::function("onProgress", on_progress)?, signal })
    }
}

/// A batch in flight or in the queue.
pub(crate) struct Batch {
    reply: PendingReply,
    _abort: Option<AbortListener>,
}

impl Batch {
    /// Sends the batch, and cancels it when the page aborts the signal. If the page aborted it
    /// before, sends nothing.
    pub(crate) fn start(
        connection: &Rc<Connection>,
        signal: Option<AbortSignal>,
        send: impl FnOnce() -> Result<PendingReply, ErrorObject>,
    ) -> Result<Self, ErrorObject> {
        if signal.as_ref().is_some_and(AbortSignal::aborted) {
            return Err(cancelled().into());
        }
        let reply = send()?;
        let (connection, id) = (connection.clone(), reply.id());
        let cancel = Closure::new(move || connection.cancel(id));
        let abort = signal.map(|signal| AbortListener::new(signal, cancel));
        Ok(Self { reply, _abort: abort })
    }

    /// Waits for the result: `{ signature }` or `{ error }` for each hash. Each error is a
    /// [`RestException`]. A signature that fails its check becomes an error.
    pub(crate) async fn items(self, check: SignatureCheck) -> Result<JsValue, ErrorObject> {
        let items: Array = self.reply.result().await?.dyn_into().map_err(|_| unreadable())?;
        let items: Array = check.finish(items.into()).await?.unchecked_into();
        for item in items.iter() {
            if !item.is_object() {
                return Err(unreadable().into());
            }
            let error = field(&item, "error");
            if !error.is_undefined() {
                let error = signature_check::decoded(&error)?;
                set(&item, "error", &RestException::from(error));
            }
        }
        Ok(items.into())
    }
}

/// Listens to the signal until it is dropped.
struct AbortListener {
    signal: AbortSignal,
    cancel: Closure<dyn FnMut()>,
}

impl AbortListener {
    fn new(signal: AbortSignal, cancel: Closure<dyn FnMut()>) -> Self {
        // Throws only if the listener is not a function.
        let _ = signal.add_event_listener_with_callback("abort", cancel.as_ref().unchecked_ref());
        Self { signal, cancel }
    }
}

impl Drop for AbortListener {
    fn drop(&mut self) {
        let listener = self.cancel.as_ref().unchecked_ref();
        let _ = self.signal.remove_event_listener_with_callback("abort", listener);
    }
}
