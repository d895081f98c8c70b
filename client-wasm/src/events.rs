//! The events of a client: "open", "close", "slot", "watch" and "traffic", as `CustomEvent`s.

use pkcs11_bridge_protocol::error_object::ErrorObject;
use wasm_bindgen::prelude::*;
use web_sys::{CustomEvent, CustomEventInit};

use crate::object::record;
use crate::rest_exception::RestException;
use crate::socket::Closed;

/// The page's listeners.
pub(crate) struct Events {
    listeners: Listeners,
}

/// The direction of a frame, as the page sees it.
#[derive(Clone, Copy)]
pub(crate) enum Direction {
    /// To the bridge.
    Sent,
    /// From the bridge.
    Received,
}

impl Events {
    /// Calls `changed` after the page added or removed listeners.
    pub(crate) fn new(changed: impl FnMut() + 'static) -> Self {
        let changed: Closure<dyn FnMut()> = Closure::new(changed);
        // The browser frees it together with the last signal that can call it.
        Self { listeners: Listeners::new(&changed.into_js_value()) }
    }

    /// `EventTarget.addEventListener`
    pub(crate) fn add(
        &self,
        kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue> {
        self.listeners.add(kind, listener, options)
    }

    /// `EventTarget.removeEventListener`
    pub(crate) fn remove(
        &self,
        kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue> {
        self.listeners.remove(kind, listener, options)
    }

    /// Whether the page listens to "traffic".
    pub(crate) fn traffic_wanted(&self) -> bool {
        self.listeners.has_traffic()
    }

    /// Whether the page listens to "slot".
    pub(crate) fn slots_wanted(&self) -> bool {
        self.listeners.has_slot()
    }

    /// Dispatches "open": the connection is there again.
    pub(crate) fn open(&self) {
        self.dispatch("open", &JsValue::NULL);
    }

    /// Dispatches "close": the connection is gone.
    pub(crate) fn close(&self, Closed { code, reason }: &Closed, reconnecting: bool) {
        let detail = record(&[
            ("code", &(*code).into()),
            ("reason", &reason.into()),
            ("reconnecting", &reconnecting.into()),
        ]);
        self.dispatch("close", &detail);
    }

    /// Dispatches "slot": a token was inserted or removed.
    pub(crate) fn slot(&self, detail: &JsValue) {
        self.dispatch("slot", detail);
    }

    /// Dispatches "watch": the bridge watches the slots of a module, or cannot.
    pub(crate) fn watch(&self, module: Option<&str>, failure: Option<ErrorObject>) {
        let watching = failure.is_none();
        let detail = record(&[
            ("module", &module.into()),
            ("watching", &watching.into()),
            ("error", &failure.map(RestException::from).into()),
        ]);
        self.dispatch("watch", &detail);
    }

    /// Dispatches "traffic": a frame was sent or received. `id` is `None` for an event of the
    /// bridge.
    pub(crate) fn traffic(&self, direction: Direction, id: Option<u64>, text: &JsValue) {
        let direction = match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        let detail = record(&[
            ("direction", &direction.into()),
            // Ids count from 1, so a JavaScript number holds them.
            ("id", &id.map_or(JsValue::NULL, |id| (id as f64).into())),
            ("text", text),
        ]);
        self.dispatch("traffic", &detail);
    }

    /// Calls the listeners. The browser reports what they throw.
    fn dispatch(&self, kind: &str, detail: &JsValue) {
        let init = CustomEventInit::new();
        init.set_detail(detail);
        if let Ok(event) = CustomEvent::new_with_event_init_dict(kind, &init) {
            // Throws only if the event is being dispatched already.
            let _ = self.listeners.dispatch(&event);
        }
    }
}

#[wasm_bindgen(module = "/js/listeners.js")]
extern "C" {
    type Listeners;

    #[wasm_bindgen(constructor)]
    fn new(changed: &JsValue) -> Listeners;

    #[wasm_bindgen(method, getter, js_name = hasSlot)]
    fn has_slot(this: &Listeners) -> bool;

    #[wasm_bindgen(method, getter, js_name = hasTraffic)]
    fn has_traffic(this: &Listeners) -> bool;

    #[wasm_bindgen(method, catch, js_name = addEventListener)]
    fn add(
        this: &Listeners,
        kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = removeEventListener)]
    fn remove(
        this: &Listeners,
        kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue>;

    #[wasm_bindgen(method, catch, js_name = dispatchEvent)]
    fn dispatch(this: &Listeners, event: &CustomEvent) -> Result<bool, JsValue>;
}
