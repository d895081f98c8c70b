//! The events of a client: "open", "close" and "traffic", as `CustomEvent`s.

use std::cell::Cell;

use wasm_bindgen::prelude::*;
use web_sys::{CustomEvent, CustomEventInit};

use crate::object::record;
use crate::socket::Closed;

/// The page's listeners.
pub(crate) struct Events {
    listeners: Listeners,
    traffic: Cell<bool>,
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
    pub(crate) fn new() -> Self {
        Self { listeners: Listeners::new(), traffic: Cell::new(false) }
    }

    /// `EventTarget.addEventListener`
    pub(crate) fn add(
        &self,
        kind: &JsValue,
        listener: &JsValue,
        options: &JsValue,
    ) -> Result<(), JsValue> {
        if kind.as_string().as_deref() == Some("traffic") {
            self.traffic.set(true);
        }
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

    /// Whether the page ever asked for "traffic".
    pub(crate) fn traffic_wanted(&self) -> bool {
        self.traffic.get()
    }

    /// The connection is there again.
    pub(crate) fn open(&self) {
        self.dispatch("open", &JsValue::NULL);
    }

    /// The connection is gone.
    pub(crate) fn close(&self, Closed { code, reason }: &Closed, reconnecting: bool) {
        let detail = record(&[
            ("code", &(*code).into()),
            ("reason", &reason.into()),
            ("reconnecting", &reconnecting.into()),
        ]);
        self.dispatch("close", &detail);
    }

    /// A frame went by. `id` is `None` for an event of the bridge.
    pub(crate) fn traffic(&self, direction: Direction, id: Option<u64>, text: &str) {
        let direction = match direction {
            Direction::Sent => "sent",
            Direction::Received => "received",
        };
        let detail = record(&[
            ("direction", &direction.into()),
            // Counted from 1, so that a number of JavaScript holds it.
            ("id", &id.map_or(JsValue::NULL, |id| (id as f64).into())),
            ("text", &text.into()),
        ]);
        self.dispatch("traffic", &detail);
    }

    /// Calls the listeners, who may call the client: nothing may be borrowed here. What they
    /// throw is reported by the browser.
    fn dispatch(&self, kind: &str, detail: &JsValue) {
        let init = CustomEventInit::new();
        init.set_detail(detail);
        if let Ok(event) = CustomEvent::new_with_event_init_dict(kind, &init) {
            // Throws only for an event that is being dispatched already.
            let _ = self.listeners.dispatch(&event);
        }
    }
}

// web-sys has these for functions only; here listener objects and all options work too.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = EventTarget)]
    type Listeners;

    #[wasm_bindgen(constructor, js_class = "EventTarget")]
    fn new() -> Listeners;

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
