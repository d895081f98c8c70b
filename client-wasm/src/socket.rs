//! One WebSocket to one port of the bridge. The only file that names the browser's WebSocket.
//!
//! What is received stays a string of JavaScript, and what is sent, which may hold a PIN, is kept
//! nowhere.

use futures_channel::mpsc::{self, UnboundedReceiver};
use js_sys::JsString;
use pkcs11_bridge_protocol::SUBPROTOCOL;
use wasm_bindgen::prelude::*;
use web_sys::{CloseEvent, Event, MessageEvent, WebSocket};

/// The reading side. Dropping it closes the WebSocket.
pub(crate) struct Socket {
    arrivals: UnboundedReceiver<Arrival>,
    sender: Sender,
    listeners: [Listener; 3],
}

/// The kind of an event, and what listens to it.
type Listener = (&'static str, Closure<dyn FnMut(Event)>);

/// The sending side.
#[derive(Clone)]
pub(crate) struct Sender(WebSocket);

/// What arrives.
pub(crate) enum Arrival {
    /// The WebSocket is open; this comes first.
    Opened,
    /// A text frame.
    Text(JsString),
    /// A frame that is not text, which the protocol does not have.
    Binary,
    /// The WebSocket is closed, or was never open; nothing follows.
    Closed(Closed),
}

/// Why a WebSocket was closed (RFC 6455, section 7.4).
pub(crate) struct Closed {
    /// The status code; 1006 where the connection broke.
    pub(crate) code: u16,
    /// The reason that the peer gave, often empty.
    pub(crate) reason: String,
}

impl Socket {
    /// Opens a WebSocket to that port of 127.0.0.1; `None` where no bridge answers.
    ///
    /// Never fails by itself where the browser asks the user for permission and gets no answer:
    /// the caller sets the limit, and drops the future.
    pub(crate) async fn open(port: u16) -> Option<Self> {
        // The browser refuses some ports, and pages that are not allowed to connect.
        let socket =
            WebSocket::new_with_str(&format!("ws://127.0.0.1:{port}"), SUBPROTOCOL).ok()?;
        let mut socket = Self::of(socket);
        let opened = matches!(socket.next().await, Arrival::Opened);
        let sender = &socket.sender;
        (opened && sender.is_open() && sender.0.protocol() == SUBPROTOCOL).then_some(socket)
    }

    fn of(socket: WebSocket) -> Self {
        let (inbox, arrivals) = mpsc::unbounded();
        let listener = |arrival: fn(Event) -> Arrival| {
            let inbox = inbox.clone();
            Closure::new(move |event| {
                // Fails where the reading side is gone.
                let _ = inbox.unbounded_send(arrival(event));
            })
        };
        let listeners = [
            ("open", listener(|_| Arrival::Opened)),
            ("message", listener(|event| Arrival::of_message(event.unchecked_into()))),
            ("close", listener(|event| Arrival::of_close(event.unchecked_into()))),
        ];
        for (kind, listener) in &listeners {
            let listener = listener.as_ref().unchecked_ref();
            // Throws only for a listener that is none.
            let _ = socket.add_event_listener_with_callback(kind, listener);
        }
        Self { arrivals, sender: Sender(socket), listeners }
    }

    /// The side that sends.
    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&mut self) -> Arrival {
        // The listeners keep the sending end of the channel for as long as `self` lives.
        let broken = |_| Arrival::Closed(Closed { code: 1006, reason: String::new() });
        self.arrivals.recv().await.unwrap_or_else(broken)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Sender(socket) = &self.sender;
        for (kind, listener) in &self.listeners {
            let listener = listener.as_ref().unchecked_ref();
            let _ = socket.remove_event_listener_with_callback(kind, listener);
        }
        let _ = socket.close();
    }
}

impl Arrival {
    fn of_message(event: MessageEvent) -> Self {
        event.data().dyn_into().map_or(Self::Binary, Self::Text)
    }

    fn of_close(event: CloseEvent) -> Self {
        Self::Closed(Closed { code: event.code(), reason: event.reason() })
    }
}

impl Sender {
    /// Whether what is sent now has a chance to arrive: a closing WebSocket drops it silently.
    pub(crate) fn is_open(&self) -> bool {
        self.0.ready_state() == WebSocket::OPEN
    }

    /// Sends a text frame. On a WebSocket that is not open nothing happens.
    pub(crate) fn send(&self, text: &str) {
        // Throws only before the WebSocket was open.
        let _ = self.0.send_with_str(text);
    }

    /// Starts the closing handshake with a code of 1000 or 4000 to 4999.
    pub(crate) fn close(&self, code: u16, reason: &str) {
        // Throws only for other codes and for long reasons.
        let _ = self.0.close_with_code_and_reason(code, reason);
    }
}
