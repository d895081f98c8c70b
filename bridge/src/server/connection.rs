//! One WebSocket: requests in, replies out in any order. Whatever a peer sends gets an answer or a
//! close code, and no peer can make it hold more than its limits.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use pkcs11_bridge_protocol::MAX_IN_FLIGHT;
use pkcs11_bridge_protocol::failure::{Failure, Row};
use pkcs11_bridge_protocol::message::{Id, Rejected, Reply, Request};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::bridge::{Bridge, Caller};
use crate::origin::RequestOrigin;

pub(super) struct Connection {
    socket: WebSocketStream<TcpStream>,
    bridge: Arc<Bridge>,
    caller: Arc<Caller>,
    calls: JoinSet<String>,
    /// The calls in flight; dropping the set gives them up.
    in_flight: HashMap<tokio::task::Id, Id>,
}

/// How a connection comes to its end: with a close frame, or without because the peer is gone.
type Flow = ControlFlow<Option<CloseFrame>>;

impl Connection {
    pub(super) fn new(
        socket: WebSocketStream<TcpStream>,
        bridge: Arc<Bridge>,
        origin: RequestOrigin,
    ) -> Self {
        let caller = Arc::new(bridge.caller(origin));
        Self { socket, bridge, caller, calls: JoinSet::new(), in_flight: HashMap::new() }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let end = loop {
            let flow = tokio::select! {
                frame = self.socket.next() => self.receive(frame).await,
                Some(done) = self.calls.join_next_with_id() => self.reply(done).await,
                () = stop.cancelled() => break self.finish().await,
            };
            if let ControlFlow::Break(end) = flow {
                break end;
            }
        };
        // Whoever is gone needs no more results; what holds on to the origin's workers ends here.
        self.calls.shutdown().await;
        if let Some(frame) = end {
            self.close(frame).await;
        }
    }

    /// Tells a peer that there are too many connections.
    pub(super) async fn refuse_for_now(self) {
        self.close(close_frame(
            CloseCode::Again,
            "the bridge serves as many connections as it can",
        ))
        .await;
    }

    async fn receive(&mut self, frame: Option<Result<Message, Error>>) -> Flow {
        match frame {
            Some(Ok(Message::Text(text))) => match Request::decode(text.as_str()) {
                Ok(request) => self.start(request).await,
                Err(rejected) => self.reject(rejected).await,
            },
            Some(Ok(Message::Binary(_))) => {
                let message = "Binary frames are not supported: send JSON-RPC 2.0 in text frames.";
                let failure = Failure::new(Row::NotRequest, message);
                self.reject(Rejected { id: None, failure }).await
            }
            Some(Ok(_)) => Flow::Continue(()),
            Some(Err(Error::Capacity(_))) => {
                Flow::Break(Some(close_frame(CloseCode::Size, "a message may have at most 1 MiB")))
            }
            Some(Err(Error::Utf8(_))) => {
                Flow::Break(Some(close_frame(CloseCode::Invalid, "a text frame is not UTF-8")))
            }
            Some(Err(Error::Protocol(error))) => {
                tracing::debug!(%error, "a peer broke the WebSocket protocol");
                Flow::Break(Some(close_frame(CloseCode::Protocol, "not the WebSocket protocol")))
            }
            Some(Err(_)) | None => Flow::Break(None),
        }
    }

    async fn start(&mut self, request: Request) -> Flow {
        let Request { id, call } = request;
        if self.in_flight.values().any(|taken| *taken == id) {
            let message = "A request of the same id is still in flight: give each its own.";
            let failure = Failure::new(Row::NotRequest, message);
            return self.reject(Rejected { id: None, failure }).await;
        }
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            let message = format!(
                "More than {MAX_IN_FLIGHT} requests are in flight on this connection: wait for a \
                 reply before you send the next."
            );
            let failure = Failure::new(Row::TooManyRequests, message);
            return self.reject(Rejected { id: Some(id), failure }).await;
        }
        let (bridge, caller) = (Arc::clone(&self.bridge), Arc::clone(&self.caller));
        let reply_to = id.clone();
        let task = self.calls.spawn(async move {
            let method = call.method();
            match bridge.answer(&caller, &call).await {
                Ok(result) => encode(&Reply::success(reply_to, result)),
                Err(error) => {
                    tracing::info!(
                        origin = %caller.origin(),
                        method,
                        status = error.data.status,
                        code = error.data.code,
                        pkcs11 = error.data.pkcs11,
                        "call failed"
                    );
                    encode(&Reply::<()>::failure(Some(reply_to), error))
                }
            }
        });
        self.in_flight.insert(task.id(), id);
        Flow::Continue(())
    }

    async fn reject(&mut self, rejected: Rejected) -> Flow {
        tracing::info!(origin = %self.caller.origin(), reason = %rejected.failure, "message rejected");
        self.send(encode(&Reply::<()>::failure(rejected.id, rejected.failure))).await
    }

    /// Sends the reply of a call that is done, together with all others that are.
    async fn reply(&mut self, done: Done) -> Flow {
        let text = self.text_of(done);
        if self.feed(text).await.is_break() {
            return Flow::Break(None);
        }
        while let Some(done) = self.calls.try_join_next_with_id() {
            let text = self.text_of(done);
            if self.feed(text).await.is_break() {
                return Flow::Break(None);
            }
        }
        self.flush().await
    }

    fn text_of(&mut self, done: Done) -> String {
        match done {
            Ok((task, text)) => {
                self.in_flight.remove(&task);
                text
            }
            Err(error) => {
                tracing::error!(%error, "a call was not carried out");
                let message = "The bridge failed on this call; its log says where. Try again.";
                let failure = Failure::new(Row::Internal, message);
                encode(&Reply::<()>::failure(self.in_flight.remove(&error.id()), failure))
            }
        }
    }

    /// Answers what is in flight, for a while, and takes nothing new.
    async fn finish(&mut self) -> Option<CloseFrame> {
        let answered = timeout(STOP_GRACE, async {
            while let Some(done) = self.calls.join_next_with_id().await {
                if self.reply(done).await.is_break() {
                    return Flow::Break(None);
                }
            }
            Flow::Continue(())
        });
        if let Ok(Flow::Break(_)) = answered.await {
            return None;
        }
        Some(close_frame(CloseCode::Away, "the bridge stops"))
    }

    async fn send(&mut self, text: String) -> Flow {
        match self.feed(text).await {
            Flow::Continue(()) => self.flush().await,
            end => end,
        }
    }

    async fn feed(&mut self, text: String) -> Flow {
        written(timeout(WRITE_DEADLINE, self.socket.feed(Message::text(text))).await)
    }

    async fn flush(&mut self) -> Flow {
        written(timeout(WRITE_DEADLINE, self.socket.flush()).await)
    }

    /// Sends a close frame and waits a little for the peer to close too: what it still has to send
    /// is thrown away, because a socket closed over unread bytes would take the close frame with it.
    async fn close(mut self, frame: CloseFrame) {
        let goodbye = async {
            self.socket.close(Some(frame)).await.ok()?;
            let mut rest = [0; 16 << 10];
            while self.socket.get_mut().read(&mut rest).await.ok()? > 0 {}
            Some(())
        };
        let _ = timeout(CLOSE_GRACE, goodbye).await;
    }
}

type Done = Result<(tokio::task::Id, String), JoinError>;

fn written<E>(result: Result<Result<(), E>, tokio::time::error::Elapsed>) -> Flow {
    match result {
        Ok(Ok(())) => Flow::Continue(()),
        // It is gone, or does not read its replies.
        Ok(Err(_)) | Err(_) => Flow::Break(None),
    }
}

fn encode<R: Serialize>(reply: &Reply<R>) -> String {
    reply.encode().unwrap_or_else(|error| {
        tracing::error!(%error, "a reply cannot be encoded");
        String::new()
    })
}

fn close_frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

const STOP_GRACE: Duration = Duration::from_secs(5);
const CLOSE_GRACE: Duration = Duration::from_secs(1);
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
