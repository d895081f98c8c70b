//! One WebSocket to one port of the bridge. The only file that names gloo-net.
//!
//! gloo-net reads. Opening and sending go to the browser's WebSocket itself: gloo-net panics where
//! the constructor throws something odd, and its sink keeps the text that it sends, which may hold
//! a PIN.

use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use futures_sink::Sink;
use gloo_net::websocket::futures::WebSocket as Reader;
use gloo_net::websocket::{Message, WebSocketError};
use pkcs11_bridge_protocol::SUBPROTOCOL;
use web_sys::WebSocket;

/// The reading side. Dropping it closes the WebSocket.
pub(crate) struct Socket {
    reader: Reader,
    sender: Sender,
}

/// The sending side.
#[derive(Clone)]
pub(crate) struct Sender(WebSocket);

/// What arrives.
pub(crate) enum Arrival {
    /// A text frame.
    Text(String),
    /// A frame that is not text, which the protocol does not have.
    Binary,
    /// The WebSocket is closed; nothing follows.
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
        let sender = Sender(socket.clone());
        let mut reader = Reader::try_from(socket).ok()?;
        poll_fn(|cx| Pin::new(&mut reader).poll_ready(cx)).await.ok()?;
        (sender.is_open() && sender.0.protocol() == SUBPROTOCOL).then_some(Self { reader, sender })
    }

    /// The side that sends.
    pub(crate) fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// Waits for what comes next.
    pub(crate) async fn next(&mut self) -> Arrival {
        loop {
            let arrival = match poll_fn(|cx| Pin::new(&mut self.reader).poll_next(cx)).await {
                Some(Ok(Message::Text(text))) => Arrival::Text(text),
                Some(Ok(Message::Bytes(_))) => Arrival::Binary,
                Some(Err(WebSocketError::ConnectionClose(event))) => {
                    Arrival::Closed(Closed { code: event.code, reason: event.reason })
                }
                // A close event follows.
                Some(Err(_)) => continue,
                None => Arrival::Closed(Closed { code: 1006, reason: String::new() }),
            };
            return arrival;
        }
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
