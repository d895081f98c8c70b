//! An open WebSocket: calls and replies, raw frames, and the end of the connection.

use std::collections::HashSet;
use std::fmt::Debug;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pkcs11_bridge_protocol::error_object::ErrorObject;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Error;
pub use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::outcome::Outcome;
use crate::secrets;

/// The time limit for an answer on a machine that is busy with other tests.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// An open connection.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    last_id: u64,
}

impl Socket {
    pub(crate) fn new(stream: WebSocketStream<TcpStream>) -> Self {
        Self { stream, last_id: 0 }
    }

    /// Calls a method and waits for the reply.
    pub async fn call(&mut self, method: &str, params: Value) -> Outcome {
        let id = self.request(method, params).await;
        let (replied, outcome) = self.reply().await;
        assert_eq!(replied, json!(id), "the reply belongs to another request");
        outcome
    }

    /// Calls a method and returns its result. Panics on an error.
    pub async fn result(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).await.unwrap_or_else(|error| panic!("{method}: {error:?}"))
    }

    /// The certificates that `certificates` lists. Panics on an error.
    pub async fn certificates(&mut self, params: Value) -> Value {
        self.result("certificates", params).await["certificates"].take()
    }

    /// Sends a request without waiting for the reply, and returns its id.
    pub async fn request(&mut self, method: &str, params: Value) -> u64 {
        self.last_id += 1;
        let id = self.last_id;
        self.send_text(&request(id, method, &params)).await;
        id
    }

    /// Sends many requests in one write, and returns their ids.
    pub async fn request_many(
        &mut self,
        method: &str,
        params: &Value,
        count: usize,
    ) -> HashSet<u64> {
        let mut ids = HashSet::new();
        for _ in 0..count {
            self.last_id += 1;
            ids.insert(self.last_id);
            let text = request(self.last_id, method, params);
            within(self.stream.feed(Message::text(text))).await.expect("the connection is open");
        }
        within(self.stream.flush()).await.expect("the connection is open");
        ids
    }

    /// Calls a method without parameters. Returns `None` if the bridge has closed the connection.
    pub async fn call_if_open(&mut self, method: &str) -> Option<Outcome> {
        self.last_id += 1;
        self.send(Message::text(request(self.last_id, method, &json!({})))).await.ok()?;
        match self.next().await {
            Some(Ok(Message::Text(text))) => Some(decode(&text)?.1),
            _ => None,
        }
    }

    /// Waits for the next reply of any request, and returns it with its id. Skips events.
    pub async fn reply(&mut self) -> (Value, Outcome) {
        self.reply_after_events().await.1
    }

    /// Waits for the next reply. Returns the events before it as well.
    pub async fn reply_after_events(&mut self) -> (Vec<Value>, (Value, Outcome)) {
        let mut events = Vec::new();
        loop {
            let text = match self.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                other => panic!("expected a reply, got {}", describe(other)),
            };
            match decode(&text) {
                Some(reply) => return (events, reply),
                None => events.push(serde_json::from_str(&text).expect("JSON")),
            }
        }
    }

    /// Waits for the next message, which must be an event.
    pub async fn event(&mut self) -> Value {
        match self.next().await {
            Some(Ok(Message::Text(text))) if decode(&text).is_none() => {
                serde_json::from_str(&text).expect("JSON")
            }
            other => panic!("expected an event, got {}", describe(other)),
        }
    }

    /// Sends a text frame unchanged and waits for the reply, which it returns with the id.
    pub async fn exchange(&mut self, text: &str) -> (Value, Outcome) {
        self.send_text(text).await;
        self.reply().await
    }

    /// Sends a text frame unchanged.
    pub async fn send_text(&mut self, text: &str) {
        if let Ok(request) = serde_json::from_str::<Value>(text) {
            secrets::register_params(&request["params"]);
        }
        self.send(Message::text(text)).await.expect("the connection is open");
    }

    /// Sends a binary frame.
    pub async fn send_binary(&mut self, bytes: &[u8]) {
        self.send(Message::binary(bytes.to_vec())).await.expect("the connection is open");
    }

    /// Sends a text message in several frames (RFC 6455, section 5.4).
    pub async fn send_fragments(&mut self, fragments: &[&str]) {
        for (number, fragment) in fragments.iter().enumerate() {
            let data = if number == 0 { Data::Text } else { Data::Continue };
            let last = number + 1 == fragments.len();
            let frame = Frame::message(fragment.as_bytes().to_vec(), OpCode::Data(data), last);
            // The bridge may close the connection before the last fragment.
            let _ = self.send(Message::Frame(frame)).await;
        }
    }

    /// Sends bytes as a text frame, even if they are not UTF-8.
    pub async fn send_bytes_as_text(&mut self, bytes: &[u8]) {
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true);
        self.send(Message::Frame(frame)).await.expect("the connection is open");
    }

    /// Sends any message. Fails if the bridge has closed the connection.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        within(self.stream.send(message)).await
    }

    /// Waits until the bridge closes the connection, and returns the close code (RFC
    /// 6455, section 7.4).
    pub async fn close_code(&mut self) -> u16 {
        loop {
            match self.next().await {
                Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("expected a close code, got {}", describe(other)),
            }
        }
    }

    /// Closes the connection, as a browser does when the user leaves the page.
    pub async fn close(mut self) {
        within(self.stream.close(None)).await.expect("the connection is open");
        while let Some(Ok(_)) = self.next().await {}
    }

    async fn next(&mut self) -> Option<Result<Message, Error>> {
        within(self.stream.next()).await
    }
}

/// Waits for an answer. Panics if it does not come in time.
pub(crate) async fn within<T>(answer: impl Future<Output = T>) -> T {
    timeout(ANSWER_LIMIT, answer).await.expect("an answer in time")
}

fn request(id: u64, method: &str, params: &Value) -> String {
    secrets::register_params(params);
    json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()
}

/// Decodes a reply with the id of its request. Returns `None` for an event.
fn decode(text: &str) -> Option<(Value, Outcome)> {
    let mut message: Value = serde_json::from_str(text).expect("a message in JSON");
    assert_eq!(message["jsonrpc"], "2.0", "{message}");
    let id = message.get("id")?.clone();
    match (message.get("result"), message.get("error")) {
        (Some(_), None) => Some((id, Ok(message["result"].take()))),
        (None, Some(error)) => Some((id, Err(error_object(error)))),
        _ => panic!("expected either a result or an error: {message}"),
    }
}

fn error_object(error: &Value) -> ErrorObject {
    secrets::assert_none_in("an error", &error.to_string());
    serde_json::from_value(error.clone()).unwrap_or_else(|e| panic!("{e} in the error {error}"))
}

fn describe(message: Option<Result<impl Debug, Error>>) -> String {
    match message {
        None => "the end of the connection".to_owned(),
        Some(Ok(message)) => format!("{message:?}"),
        Some(Err(error)) => error.to_string(),
    }
}
