//! The WebSocket to the bridge. The only file that names gloo-net.
//!
//! gloo-net receives. The browser's own WebSocket sends and closes: gloo-net cannot
//! close with a code and then still report how the connection ended.
//!
//! Three things make gloo-net panic, and a panic ends the client. This file keeps them away:
//! - an exception of the constructor that is not an `Error`: the search calls the browser's
//!   constructor, and gloo-net gets the WebSocket;
//! - a message that is neither text nor an `ArrayBuffer`: [`TextFilter`] stops it;
//! - an exception of `close` when gloo-net is dropped: [`Socket`] closes first.

use std::future::poll_fn;
use std::mem;
use std::pin::Pin;

use futures_core::Stream;
use gloo_net::websocket::futures::WebSocket as Receiver;
use gloo_net::websocket::{Message, WebSocketError};
use wasm_bindgen::prelude::*;
use web_sys::{MessageEvent, WebSocket};

/// The receiving side. Dropping it closes the WebSocket.
pub(crate) struct Socket {
    /// `None` only while the socket is dropped.
    receiver: Option<Receiver>,
    sender: Sender,
    _filter: TextFilter,
}

/// The sending side.
#[derive(Clone)]
pub(crate) struct Sender(WebSocket);

/// What the bridge or the browser says.
pub(crate) enum Arrival {
    /// The bridge sent a text frame.
    Text(String),
    /// The WebSocket is closed. Nothing follows.
    Closed(Closed),
}

/// Why a WebSocket was closed (RFC 6455, section 7.4).
pub(crate) struct Closed {
    /// The status code. 1006 if the connection broke.
    pub(crate) code: u16,
    /// The reason that the bridge gave. Often empty.
    pub(crate) reason: String,
}

impl Socket {
    /// Takes over a WebSocket that the search has opened. `None` if gloo-net refuses it.
    pub(crate) fn of(socket: WebSocket) -> Option<Self> {
        let filter = TextFilter::new(&socket);
        let receiver = Receiver::try_from(socket.clone()).ok()?;
        Some(Self { receiver: Some(receiver), sender: Sender(socket), _filter: filter })
    }

    /// The sending side.
    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&mut self) -> Arrival {
        let broken = Closed { code: 1006, reason: String::new() };
        let Some(receiver) = &mut self.receiver else { return Arrival::Closed(broken) };
        loop {
            match poll_fn(|cx| Pin::new(&mut *receiver).poll_next(cx)).await {
                Some(Ok(Message::Text(text))) => return Arrival::Text(text),
                // The filter lets no other message pass.
                Some(Ok(Message::Bytes(_))) => {}
                Some(Err(WebSocketError::ConnectionClose(event))) => {
                    let (code, reason) = (event.code, event.reason);
                    return Arrival::Closed(Closed { code, reason });
                }
                // After an error the code is always 1006, and `close` need not follow.
                Some(Err(_)) if !self.sender.is_closed() => {}
                Some(Err(_)) | None => return Arrival::Closed(broken),
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.sender.0.close().is_err() {
            // Dropping it would close again, and panic.
            mem::forget(self.receiver.take());
        }
    }
}

impl Sender {
    /// Whether a frame that is sent now can arrive: a closing WebSocket drops it silently.
    pub(crate) fn is_open(&self) -> bool {
        self.0.ready_state() == WebSocket::OPEN
    }

    fn is_closed(&self) -> bool {
        self.0.ready_state() == WebSocket::CLOSED
    }

    /// Sends a text frame. Does nothing if the WebSocket is not open.
    pub(crate) fn send(&self, text: &str) {
        // Throws only before the WebSocket is open.
        let _ = self.0.send_with_str(text);
    }

    /// Starts the closing handshake because the page is done.
    pub(crate) fn close(&self) {
        self.close_with(1000, "");
    }

    /// Starts the closing handshake because the bridge broke the protocol.
    pub(crate) fn refuse(&self, reason: &str) {
        self.close_with(UNREADABLE, reason);
    }

    fn close_with(&self, code: u16, reason: &str) {
        // Throws only for other codes and for long reasons.
        let _ = self.0.close_with_code_and_reason(code, reason);
    }
}

/// Stops every message that is not text, which the protocol does not have, and closes the
/// connection.
struct TextFilter {
    socket: WebSocket,
    listener: Closure<dyn FnMut(MessageEvent)>,
}

impl TextFilter {
    /// Has to be made before gloo-net listens: the browser calls listeners in their order.
    fn new(socket: &WebSocket) -> Self {
        let sender = Sender(socket.clone());
        let listener = Closure::new(move |event: MessageEvent| {
            if !event.data().is_string() {
                event.stop_immediate_propagation();
                sender.refuse("a binary frame");
            }
        });
        let function = listener.as_ref().unchecked_ref();
        let _ = socket.add_event_listener_with_callback("message", function);
        Self { socket: socket.clone(), listener }
    }
}

impl Drop for TextFilter {
    fn drop(&mut self) {
        let function = self.listener.as_ref().unchecked_ref();
        let _ = self.socket.remove_event_listener_with_callback("message", function);
    }
}

/// The code with which the client closes if the bridge broke the protocol (RFC 6455, 7.4.2).
const UNREADABLE: u16 = 4000;
