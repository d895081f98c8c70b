//! A page on a WebSocket. It does as little as possible, because the benchmark measures
//! its work too.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use super::direct::Key;
use super::statistics::{Samples, micros_since};
use crate::handshake::Handshake;
use crate::token::PIN;

/// An open connection.
pub struct Page {
    socket: WebSocketStream<TcpStream>,
    next_id: u64,
}

impl Page {
    /// Connects as a page of `origin`.
    pub async fn open(address: SocketAddr, origin: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("a server listens");
        let handshake = Handshake::of(address).origin(Some(origin));
        let socket = handshake.upgrade(stream).await.expect("a WebSocket");
        Self { socket, next_id: 1 }
    }

    /// Calls a method and returns its result. Panics on an error.
    pub async fn call(&mut self, method: &str, params: Value) -> Value {
        let reply = self.round_trip(&Request::new(method, &params)).await;
        let mut reply: Value = serde_json::from_str(&reply).expect("a reply in JSON");
        assert!(reply.get("error").is_none(), "{method}: {reply}");
        reply["result"].take()
    }

    /// Logs in to the token with a signature.
    pub async fn log_in(&mut self, slot: u64) {
        let mut params = sign_params(slot, Key::P256);
        params["pin"] = json!(PIN);
        self.call("signData", params).await;
    }

    /// Sends a request `count` times, one after the other.
    pub async fn calls(&mut self, request: &Request, count: usize) -> Samples {
        let mut times = Vec::with_capacity(count);
        for _ in 0..count {
            let start = Instant::now();
            let reply = self.round_trip(request).await;
            times.push(micros_since(start));
            request.check(&reply);
        }
        Samples::new(times)
    }

    /// Keeps `in_flight` requests in flight for a while and returns the replies per second.
    pub async fn rate(&mut self, request: &Request, in_flight: usize, duration: Duration) -> f64 {
        let start = Instant::now();
        for _ in 0..in_flight {
            self.feed(request).await;
        }
        self.socket.flush().await.expect("the connection is open");
        let (mut open, mut answered) = (in_flight, 0_u32);
        while open > 0 {
            let mut reply = self.socket.next().await;
            let mut more = 0;
            // Take all replies that have arrived, so that the next requests go out in one write.
            loop {
                request.check(&text_of(reply));
                (open, answered) = (open - 1, answered + 1);
                if start.elapsed() < duration {
                    self.feed(request).await;
                    more += 1;
                }
                match self.socket.next().now_or_never() {
                    Some(next) => reply = next,
                    None => break,
                }
            }
            open += more;
            self.socket.flush().await.expect("the connection is open");
        }
        f64::from(answered) / start.elapsed().as_secs_f64()
    }

    async fn round_trip(&mut self, request: &Request) -> String {
        self.feed(request).await;
        self.socket.flush().await.expect("the connection is open");
        loop {
            let text = text_of(self.socket.next().await);
            if !request.is_event(&text) {
                return text;
            }
        }
    }

    async fn feed(&mut self, request: &Request) {
        let text = request.text(self.next_id);
        self.next_id += 1;
        self.socket.feed(Message::text(text)).await.expect("the connection is open");
    }
}

fn text_of(message: Option<Result<Message, impl std::fmt::Debug>>) -> String {
    match message {
        Some(Ok(Message::Text(text))) => text.as_str().to_owned(),
        other => panic!("expected a text frame, got {other:?}"),
    }
}

/// A message that the page sends repeatedly.
pub enum Request {
    /// A request: the text before its id, and the text after it.
    Call(String, String),
    /// A text for the echo server.
    Echo(String),
}

impl Request {
    /// A request of a method.
    pub fn new(method: &str, params: &Value) -> Self {
        let rest = format!(r#","method":"{method}","params":{params}}}"#);
        Self::Call(r#"{"jsonrpc":"2.0","id":"#.to_owned(), rest)
    }

    /// A request of one signature, without a PIN.
    pub fn sign(slot: u64, key: Key) -> Self {
        Self::new("signData", &sign_params(slot, key))
    }

    /// A text as long as a request of a signature.
    pub fn echo() -> Self {
        Self::Echo("e".repeat(300))
    }

    fn text(&self, id: u64) -> String {
        match self {
            Self::Call(before, after) => format!("{before}{id}{after}"),
            Self::Echo(text) => text.clone(),
        }
    }

    fn is_event(&self, text: &str) -> bool {
        matches!(self, Self::Call(..)) && text.starts_with(r#"{"jsonrpc":"2.0","method""#)
    }

    fn check(&self, reply: &str) {
        match self {
            Self::Call(..) => assert!(reply.contains(r#","result":"#), "no result: {reply}"),
            Self::Echo(text) => assert_eq!(reply, text),
        }
    }
}

/// The parameters of `signData`, without a PIN.
pub fn sign_params(slot: u64, key: Key) -> Value {
    json!({
        "slot_id": slot,
        "cert_id": key.key_type().id(),
        "algorithm_reference": "sha256",
        "data": "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=",
    })
}
