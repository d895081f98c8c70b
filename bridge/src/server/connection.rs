//! One WebSocket: requests in, replies out in any order. Whatever a peer sends gets an answer or a
//! close code, and no peer can make it hold more than its limits.

use std::collections::HashMap;
use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, SinkExt, StreamExt};
use pkcs11_bridge_protocol::call::{Call, Cancel};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::event::Progress;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::{Id, Notification, Rejected, Reply, Request};
use pkcs11_bridge_protocol::rv::Rv;
use pkcs11_bridge_protocol::{
    MAX_IN_FLIGHT, MAX_IN_FLIGHT_LEN, MAX_UNAPPROVED_LEN, STOP_SECONDS, WRITE_SECONDS,
};
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::admission::ConnectionPermit;
use super::read_limits::LimitedSocket;
use crate::access::origin::{Approval, RequestOrigin};
use crate::service::{Bridge, Caller};
use crate::signing::batch::BatchControl;
use crate::trace_points::{TracePoint, reached};

pub(super) struct Connection {
    socket: WebSocketStream<LimitedSocket>,
    bridge: Arc<Bridge>,
    caller: Arc<Caller>,
    calls: JoinSet<String>,
    in_flight: HashMap<tokio::task::Id, InFlight>,
    /// The events of the calls, on their way to the page.
    events: (mpsc::Sender<String>, mpsc::Receiver<String>),
    place: ConnectionPermit,
}

/// A call that has no reply yet.
struct InFlight {
    id: Id,
    /// The length of its frame.
    len: usize,
    /// What gives up the rest of a batch; other calls cannot be given up.
    cancelled: Option<CancellationToken>,
}

/// How a connection comes to its end: with a close frame, or without because the peer is gone.
type Flow = ControlFlow<Option<CloseFrame>>;

impl Connection {
    pub(super) fn new(
        mut socket: WebSocketStream<LimitedSocket>,
        bridge: Arc<Bridge>,
        origin: RequestOrigin,
        place: ConnectionPermit,
    ) -> Self {
        // The handshake had a limit of its own.
        socket.get_mut().message_done();
        let events = mpsc::channel(MAX_EVENTS);
        let caller = Arc::new(bridge.caller(origin, events.0.clone()));
        let (calls, in_flight) = (JoinSet::new(), HashMap::new());
        Self { socket, bridge, caller, calls, in_flight, events, place }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let late = async {
            stop.cancelled().await;
            sleep(STOP_GRACE + CLOSE_GRACE).await;
        };
        let end = tokio::select! {
            end = self.talk(&stop) => end,
            // A peer that takes its replies one by one keeps nobody from stopping.
            () = late => None,
        };
        // Whoever is gone needs no more results; what holds on to the origin's workers ends here.
        self.calls.shutdown().await;
        if let Some(frame) = end {
            close(self.socket, frame).await;
        }
    }

    /// Answers until the connection comes to its end, and says how it does.
    async fn talk(&mut self, stop: &CancellationToken) -> Option<CloseFrame> {
        let caller = Arc::clone(&self.caller);
        loop {
            let flow = tokio::select! {
                frame = self.socket.next() => self.receive(frame).await,
                Some(done) = self.calls.join_next_with_id() => self.reply(done).await,
                Some(event) = self.events.1.recv() => self.send(event).await,
                () = caller.revoked().cancelled() => {
                    return self.finish(close_frame(CloseCode::Policy, "the origin was revoked")).await;
                }
                () = stop.cancelled() => {
                    return self.finish(close_frame(CloseCode::Away, "the bridge stops")).await;
                }
            };
            if let ControlFlow::Break(end) = flow {
                return end;
            }
        }
    }

    async fn receive(&mut self, frame: Option<Result<Message, Error>>) -> Flow {
        match &frame {
            Some(Ok(Message::Ping(data) | Message::Pong(data))) => {
                self.socket.get_mut().control_frame_done(data.len());
            }
            Some(Ok(_)) => self.socket.get_mut().message_done(),
            Some(Err(_)) | None => {}
        }
        match frame {
            Some(Ok(Message::Text(text))) => {
                reached(TracePoint::Read);
                match Request::decode(text.as_str()) {
                    Ok(request) => {
                        reached(TracePoint::Parsed);
                        self.start(request, text.len()).await
                    }
                    Err(rejected) => self.reject(rejected).await,
                }
            }
            Some(Ok(Message::Binary(_))) => {
                let message = "Binary frames are not supported: send JSON-RPC 2.0 in text frames.";
                let failure = Failure::new(ErrorCode::NotRequest, message);
                self.reject(Rejected { id: None, failure }).await
            }
            // Its pong waits to be written; a peer that takes none has as long as for a reply.
            Some(Ok(Message::Ping(_))) => self.flush().await,
            Some(Ok(_)) => Flow::Continue(()),
            Some(Err(Error::Capacity(_))) => Flow::Break(Some(too_long())),
            Some(Err(Error::Utf8(_))) => {
                Flow::Break(Some(close_frame(CloseCode::Invalid, "a text frame is not UTF-8")))
            }
            Some(Err(Error::Protocol(error))) => {
                tracing::debug!(%error, "a peer broke the WebSocket protocol");
                Flow::Break(Some(close_frame(CloseCode::Protocol, "not the WebSocket protocol")))
            }
            Some(Err(Error::Io(error))) if error.kind() == io::ErrorKind::FileTooLarge => {
                Flow::Break(Some(too_long()))
            }
            Some(Err(Error::Io(error))) if error.kind() == io::ErrorKind::TimedOut => {
                Flow::Break(Some(close_frame(CloseCode::Policy, "a message took too long to come")))
            }
            Some(Err(_)) | None => Flow::Break(None),
        }
    }

    /// `len` is that of the frame.
    async fn start(&mut self, request: Request, len: usize) -> Flow {
        let Request { id, call } = request;
        if let Call::Cancel(Cancel { id: which }) = &call {
            let found = self.in_flight.values().find(|call| call.id == *which);
            let found = found.and_then(|call| call.cancelled.as_ref());
            found.inspect(|cancelled| cancelled.cancel());
            return self.send(encode(&Reply::success(id, found.is_some()))).await;
        }
        if self.in_flight.values().any(|taken| taken.id == id) {
            let message = "A request of the same id is still in flight: give each its own.";
            let failure = Failure::new(ErrorCode::NotRequest, message);
            return self.reject(Rejected { id: None, failure }).await;
        }
        if self.in_flight.len() >= MAX_IN_FLIGHT {
            let message = format!(
                "More than {MAX_IN_FLIGHT} requests are in flight on this connection: wait for a \
                 reply before you send the next."
            );
            let failure = Failure::new(ErrorCode::TooManyRequests, message);
            return self.reject(Rejected { id: Some(id), failure }).await;
        }
        if self.place.is_unapproved()
            && self.bridge.approval(self.caller.origin()) == Approval::Approved
        {
            self.place.approve();
        }
        let (most, message) = if self.place.is_unapproved() {
            let message = "The user is being asked whether this page may use tokens. Wait for that \
                           before you send so much.";
            (MAX_UNAPPROVED_LEN, message)
        } else {
            let message = "More than 1 MiB of requests is in flight on this connection: wait for a \
                           reply before you send the next.";
            (MAX_IN_FLIGHT_LEN, message)
        };
        let waiting: usize = self.in_flight.values().map(|call| call.len).sum();
        if waiting + len > most {
            let failure = Failure::new(ErrorCode::TooManyRequests, message);
            return self.reject(Rejected { id: Some(id), failure }).await;
        }
        let (bridge, caller) = (Arc::clone(&self.bridge), Arc::clone(&self.caller));
        let (reply_to, cancelled) = (id.clone(), CancellationToken::new());
        let control = self.control_of(&id, &cancelled);
        let cancelled = matches!(call, Call::SignDataBatch(_)).then_some(cancelled);
        let task = self.calls.spawn(async move {
            let method = call.method();
            match bridge.answer(&caller, call, &control).await {
                Ok(result) => encode(&Reply::success(reply_to, result)),
                Err(failure) => {
                    log_failure(caller.origin(), method, &failure);
                    encode(&Reply::<()>::failure(Some(reply_to), failure))
                }
            }
        });
        self.in_flight.insert(task.id(), InFlight { id, len, cancelled });
        Flow::Continue(())
    }

    /// How a batch reports to the page and hears of it.
    fn control_of(
        &self,
        id: &Id,
        cancelled: &CancellationToken,
    ) -> BatchControl<impl Fn(usize, usize) -> BoxFuture<'static, ()> + use<>> {
        let (events, id) = (self.events.0.clone(), id.clone());
        let progress = move |done, total| {
            let (events, id) = (events.clone(), id.clone());
            async move {
                let event = Progress { id, done, total };
                if let Ok(text) = Notification::new(&event).encode() {
                    // The connection is gone where nobody takes it.
                    let _ = events.send(text).await;
                }
            }
            .boxed()
        };
        BatchControl { progress, cancelled: cancelled.clone() }
    }

    async fn reject(&mut self, rejected: Rejected) -> Flow {
        tracing::info!(origin = %self.caller.origin(), reason = %rejected.failure, "message rejected");
        self.send(encode(&Reply::<()>::failure(rejected.id, rejected.failure))).await
    }

    /// Sends the reply of a call that is done, together with all others that are.
    async fn reply(&mut self, done: Done) -> Flow {
        // What a call has told comes before its reply.
        while let Ok(event) = self.events.1.try_recv() {
            if self.feed(event).await.is_break() {
                return Flow::Break(None);
            }
        }
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
                let failure = Failure::new(ErrorCode::Internal, message);
                let id = self.in_flight.remove(&error.id()).map(|call| call.id);
                encode(&Reply::<()>::failure(id, failure))
            }
        }
    }

    /// Answers what is in flight, for a while, and takes nothing new.
    async fn finish(&mut self, end: CloseFrame) -> Option<CloseFrame> {
        let answered = timeout(STOP_GRACE, async {
            loop {
                let flow = tokio::select! {
                    done = self.calls.join_next_with_id() => match done {
                        Some(done) => self.reply(done).await,
                        None => return Flow::Continue(()),
                    },
                    Some(event) = self.events.1.recv() => self.send(event).await,
                };
                if flow.is_break() {
                    return Flow::Break(None);
                }
            }
        });
        let flow = match answered.await {
            Ok(flow) => flow,
            // Nobody is left without a word.
            Err(_) => timeout(CLOSE_GRACE, self.give_up()).await.unwrap_or(Flow::Break(None)),
        };
        flow.is_continue().then_some(end)
    }

    /// Answers what is in flight still.
    async fn give_up(&mut self) -> Flow {
        self.calls.abort_all();
        for (_, InFlight { id, .. }) in std::mem::take(&mut self.in_flight) {
            let message = "The bridge was stopped before the module had answered. Whether the call was \
                           carried out is not known.";
            let failure = Failure::new(ErrorCode::Internal, message);
            self.feed(encode(&Reply::<()>::failure(Some(id), failure))).await?;
        }
        self.flush().await
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
}

/// Tells a peer that there are too many connections.
pub(super) async fn refuse_for_now(socket: WebSocketStream<LimitedSocket>) {
    close(socket, close_frame(CloseCode::Again, "the bridge serves as many connections as it can"))
        .await;
}

/// Sends a close frame and waits a little for the peer to close too: what it still has to send is
/// thrown away, because a socket closed over unread bytes would take the close frame with it.
async fn close(mut socket: WebSocketStream<LimitedSocket>, frame: CloseFrame) {
    let goodbye = async {
        socket.close(Some(frame)).await.ok()?;
        // What has come of a message goes at once, and its room with it.
        let mut socket = socket.into_inner().into_inner();
        let mut rest = [0; 16 << 10];
        while socket.read(&mut rest).await.ok()? > 0 {}
        Some(())
    };
    let _ = timeout(CLOSE_GRACE, goodbye).await;
}

type Done = Result<(tokio::task::Id, String), JoinError>;

fn written<E>(result: Result<Result<(), E>, tokio::time::error::Elapsed>) -> Flow {
    match result {
        Ok(Ok(())) => Flow::Continue(()),
        // It is gone, or does not read its replies.
        Ok(Err(_)) | Err(_) => Flow::Break(None),
    }
}

fn log_failure(origin: &RequestOrigin, method: &str, failure: &Failure) {
    if failure.code == ErrorCode::OriginNotApproved {
        // Any page can cause these. Consent logs once how it decided.
        tracing::debug!(%origin, method, "call of a page that is not approved");
        return;
    }
    let rv = failure.rv.map(Rv::name);
    tracing::info!(
        %origin,
        method,
        status = failure.code.status(),
        code = failure.code.code(),
        pkcs11 = rv.as_deref(),
        "call failed"
    );
}

fn encode<R: Serialize>(reply: &Reply<R>) -> String {
    reply.encode().unwrap_or_else(|error| {
        tracing::error!(%error, "a reply cannot be encoded");
        String::new()
    })
}

fn too_long() -> CloseFrame {
    close_frame(CloseCode::Size, "a message may have at most 1 MiB")
}

fn close_frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

const STOP_GRACE: Duration = Duration::from_secs(STOP_SECONDS);
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// Events that wait to be written; whoever has more waits with them.
const MAX_EVENTS: usize = 64;
const WRITE_DEADLINE: Duration = Duration::from_secs(WRITE_SECONDS);
