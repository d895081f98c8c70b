//! One WebSocket connection: receives requests and sends replies in any order. Every message gets a
//! reply or a close code. Limits bound what a peer can make the bridge hold.

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
use pkcs11_bridge_protocol::{STOP_SECONDS, WRITE_SECONDS};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use super::admission::ConnectionPermit;
use super::calls::{Calls, Done, encode};
use super::read_limits::LimitedSocket;
use crate::access::origin::{Approval, RequestOrigin};
use crate::service::{Bridge, Caller};
use crate::signing::batch::BatchControl;
use crate::trace_points::{TracePoint, reached};

pub(super) struct Connection {
    socket: WebSocketStream<LimitedSocket>,
    bridge: Arc<Bridge>,
    caller: Arc<Caller>,
    calls: Calls,
    /// The events that wait to be sent to the page.
    events: (mpsc::Sender<String>, mpsc::Receiver<String>),
    permit: ConnectionPermit,
}

/// Whether the connection continues. `Break` holds the close frame; `None` if the peer is gone.
type Flow = ControlFlow<Option<CloseFrame>>;

impl Connection {
    pub(super) fn new(
        mut socket: WebSocketStream<LimitedSocket>,
        bridge: Arc<Bridge>,
        origin: RequestOrigin,
        permit: ConnectionPermit,
    ) -> Self {
        // The handshake had limits of its own, so start counting here.
        socket.get_mut().message_done();
        let events = mpsc::channel(MAX_EVENTS);
        let caller = Arc::new(bridge.caller(origin, events.0.clone()));
        let calls = Calls::default();
        Self { socket, bridge, caller, calls, events, permit }
    }

    /// Serves the connection until it ends or `stop` is cancelled.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let stop_deadline = async {
            stop.cancelled().await;
            sleep(STOP_GRACE + CLOSE_GRACE).await;
        };
        let end = tokio::select! {
            end = self.serve(&stop) => end,
            // A peer that reads its replies slowly must not delay the stop of the bridge.
            () = stop_deadline => None,
        };
        // Nothing reads further results. The calls also keep the origin's workers alive.
        self.calls.shutdown().await;
        if let Some(frame) = end {
            close(self.socket, frame).await;
        }
    }

    /// Serves until the connection ends. Returns the close frame to send, if the peer still
    /// listens.
    async fn serve(&mut self, stop: &CancellationToken) -> Option<CloseFrame> {
        let (caller, displaced) = (Arc::clone(&self.caller), self.permit.displaced());
        loop {
            self.permit.set_busy(!self.calls.is_empty());
            let flow = tokio::select! {
                frame = self.socket.next() => self.receive(frame).await,
                Some(done) = self.calls.next() => self.reply(done).await,
                Some(event) = self.events.1.recv() => self.send(event).await,
                () = caller.revoked().cancelled() => {
                    let end = close_frame(CloseCode::Policy, "the origin was revoked");
                    return self.finish(end).await;
                }
                () = displaced.cancelled() => {
                    let why = "other sites wait, and this one has many connections";
                    return self.finish(close_frame(CloseCode::Again, why)).await;
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
            // The WebSocket library has queued a pong. Flush it with the deadline of a reply.
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
                Flow::Break(Some(close_frame(CloseCode::Policy, "a message took too long")))
            }
            Some(Err(_)) | None => Flow::Break(None),
        }
    }

    /// Starts a call in a task of its own, within the limits. `len` is the length of the frame.
    async fn start(&mut self, request: Request, len: usize) -> Flow {
        let Request { id, call } = request;
        if let Call::Cancel(Cancel { id: batch }) = &call {
            let cancelled = self.calls.cancel(batch);
            return self.send(encode(&Reply::success(id, cancelled))).await;
        }
        if self.permit.is_unapproved()
            && self.bridge.approval(self.caller.origin()) == Approval::Approved
        {
            self.permit.approve();
        }
        let approval =
            if self.permit.is_unapproved() { Approval::NotApproved } else { Approval::Approved };
        if let Err(rejected) = self.calls.check(&id, len, approval) {
            return self.reject(rejected).await;
        }
        let (bridge, caller) = (Arc::clone(&self.bridge), Arc::clone(&self.caller));
        let (reply_to, cancelled) = (id.clone(), CancellationToken::new());
        let control = self.batch_control(&id, &cancelled);
        let cancelled = matches!(call, Call::SignDataBatch(_)).then_some(cancelled);
        self.calls.start(id, len, cancelled, async move {
            let method = call.method();
            match bridge.answer(&caller, call, &control).await {
                Ok(result) => encode(&Reply::success(reply_to, result)),
                Err(failure) => {
                    log_failure(caller.origin(), method, &failure);
                    encode(&Reply::<()>::failure(Some(reply_to), failure))
                }
            }
        });
        Flow::Continue(())
    }

    /// Connects a batch to the page: its progress events and its cancellation.
    fn batch_control(
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
                    // Sending fails if the connection is gone.
                    let _ = events.send(text).await;
                }
            }
            .boxed()
        };
        BatchControl { progress, cancelled: cancelled.clone() }
    }

    async fn reject(&mut self, rejected: Rejected) -> Flow {
        let (origin, reason) = (self.caller.origin().clone(), rejected.failure.clone());
        self.bridge.rejections().event(self.caller.origin(), move |count| {
            tracing::info!(%origin, %reason, count, "messages rejected");
        });
        self.send(encode(&Reply::<()>::failure(rejected.id, rejected.failure))).await
    }

    /// Sends the replies of all calls that are done.
    async fn reply(&mut self, done: Done) -> Flow {
        // The events of a call come before its reply.
        while let Ok(event) = self.events.1.try_recv() {
            if self.feed(event).await.is_break() {
                return Flow::Break(None);
            }
        }
        let text = self.calls.take_reply(done);
        if self.feed(text).await.is_break() {
            return Flow::Break(None);
        }
        while let Some(done) = self.calls.try_next() {
            let text = self.calls.take_reply(done);
            if self.feed(text).await.is_break() {
                return Flow::Break(None);
            }
        }
        self.flush().await
    }

    /// Waits for the calls in flight, up to a deadline. Takes no new requests.
    async fn finish(&mut self, end: CloseFrame) -> Option<CloseFrame> {
        let answered = timeout(STOP_GRACE, async {
            loop {
                let flow = tokio::select! {
                    done = self.calls.next() => match done {
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
            Err(_) => timeout(CLOSE_GRACE, self.abort_calls()).await.unwrap_or(Flow::Break(None)),
        };
        flow.is_continue().then_some(end)
    }

    /// Aborts the calls in flight and answers them with an error.
    async fn abort_calls(&mut self) -> Flow {
        for reply in self.calls.abort() {
            self.feed(reply).await?;
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
        flow(timeout(WRITE_DEADLINE, self.socket.feed(Message::text(text))).await)
    }

    async fn flush(&mut self) -> Flow {
        flow(timeout(WRITE_DEADLINE, self.socket.flush()).await)
    }
}

/// Closes a connection because there are too many.
pub(super) async fn close_too_many(socket: WebSocketStream<LimitedSocket>) {
    close(socket, close_frame(CloseCode::Again, "the bridge has too many connections")).await;
}

/// Sends a close frame and waits a moment for the peer to close too. Until then it reads and drops
/// what the peer sends: closing a socket with unread bytes resets it, and the close frame is lost.
async fn close(mut socket: WebSocketStream<LimitedSocket>, frame: CloseFrame) {
    let closing = async {
        socket.close(Some(frame)).await.ok()?;
        // Drop an incomplete message at once, so that it no longer counts against the read budget.
        let mut socket = socket.into_inner().into_inner();
        let mut rest = [0; 16 << 10];
        while socket.read(&mut rest).await.ok()? > 0 {}
        Some(())
    };
    let _ = timeout(CLOSE_GRACE, closing).await;
}

/// The connection ends if writing failed or took too long: the peer is gone or does not read.
fn flow<E>(result: Result<Result<(), E>, tokio::time::error::Elapsed>) -> Flow {
    match result {
        Ok(Ok(())) => Flow::Continue(()),
        Ok(Err(_)) | Err(_) => Flow::Break(None),
    }
}

fn log_failure(origin: &RequestOrigin, method: &str, failure: &Failure) {
    if failure.code == ErrorCode::OriginNotApproved {
        // Any page can cause these failures. The consent module logs its decision once.
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

fn too_long() -> CloseFrame {
    close_frame(CloseCode::Size, "a message may have at most 1 MiB")
}

fn close_frame(code: CloseCode, reason: &'static str) -> CloseFrame {
    CloseFrame { code, reason: reason.into() }
}

const STOP_GRACE: Duration = Duration::from_secs(STOP_SECONDS);
const CLOSE_GRACE: Duration = Duration::from_secs(1);
/// The most events that wait to be sent. A task with a further event waits.
const MAX_EVENTS: usize = 64;
const WRITE_DEADLINE: Duration = Duration::from_secs(WRITE_SECONDS);
