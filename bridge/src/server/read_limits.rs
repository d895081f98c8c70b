//! Limits how long and how much the bridge reads for one message. It closes connections of peers
//! that send one byte a second, half a frame, or endless fragments.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pkcs11_bridge_protocol::{MAX_FRAME_LEN, MAX_PARTIAL_LEN, MESSAGE_SECONDS};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::PollSemaphore;

/// The memory for incomplete messages. All connections share it.
#[derive(Clone)]
pub(super) struct ReadBudget(Arc<Semaphore>);

impl Default for ReadBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_PARTIAL_LEN / CHUNK_LEN)))
    }
}

/// A socket whose reads have limits.
///
/// Reading fails with [`io::ErrorKind::TimedOut`] if a message is not complete in time. It fails
/// with [`io::ErrorKind::FileTooLarge`] if the frames of a message exceed the length limit. The
/// WebSocket library checks each frame alone: it keeps the fragments that it has, and the next
/// fragment may be as long again.
pub(super) struct LimitedSocket<S = TcpStream> {
    socket: S,
    /// Starts with the first byte after the last complete message.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The bytes since the last complete message.
    pending_len: usize,
    budget: PollSemaphore,
    /// One permit for each full [`CHUNK_LEN`] of the pending bytes.
    permits: Vec<OwnedSemaphorePermit>,
}

impl<S> LimitedSocket<S> {
    pub(super) fn new(socket: S, budget: ReadBudget) -> Self {
        Self {
            socket,
            deadline: None,
            pending_len: 0,
            budget: PollSemaphore::new(budget.0),
            permits: Vec::new(),
        }
    }

    /// Returns the socket without its limits.
    pub(super) fn into_inner(self) -> S {
        self.socket
    }

    /// Call this when a message is complete. The last read may include the first bytes of the next
    /// message. Those are few, so the limits of that message start with its later bytes.
    pub(super) fn message_done(&mut self) {
        self.deadline = None;
        self.pending_len = 0;
        self.permits = Vec::new();
    }

    /// Call this for a ping or pong with a payload of `len` bytes. Control frames may come between
    /// the fragments of a message. They do not extend the deadline of that message.
    pub(super) fn control_frame_done(&mut self, len: usize) {
        self.pending_len = self.pending_len.saturating_sub(CONTROL_HEADER_LEN + len);
        if self.pending_len == 0 {
            self.message_done();
        }
    }

    /// Waits until the budget covers the pending bytes.
    fn poll_budget(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.permits.len() < self.pending_len / CHUNK_LEN {
            match ready!(self.budget.poll_acquire(cx)) {
                Some(permit) => self.permits.push(permit),
                None => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for LimitedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(deadline) = &mut self.deadline
            && deadline.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        ready!(self.poll_budget(cx));
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        let len = buf.filled().len() - before;
        self.pending_len += len;
        if len > 0 && self.deadline.is_none() {
            self.deadline = Some(Box::pin(sleep(DEADLINE)));
        }
        if self.pending_len > MAX_PENDING_LEN {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for LimitedSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

/// The header of a short frame with a mask (RFC 6455, section 5.2).
const CONTROL_HEADER_LEN: usize = 6;
const DEADLINE: Duration = Duration::from_secs(MESSAGE_SECONDS);
const CHUNK_LEN: usize = 64 << 10;
/// The longest message, including the headers of its frames.
const MAX_PENDING_LEN: usize = MAX_FRAME_LEN + (64 << 10);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{advance, pause};

    use super::*;

    async fn send(
        peer: &mut (impl AsyncWrite + Unpin),
        socket: &mut LimitedSocket<impl AsyncRead + Unpin>,
        len: usize,
    ) {
        peer.write_all(&vec![0; len]).await.unwrap();
        socket.read_exact(&mut vec![0; len]).await.unwrap();
    }

    #[tokio::test]
    async fn pings_do_not_extend_the_deadline_of_a_message() {
        pause();
        let (mut peer, socket) = duplex(64);
        let mut socket = LimitedSocket::new(socket, ReadBudget::default());
        for _ in 0..3 {
            send(&mut peer, &mut socket, CONTROL_HEADER_LEN + 4).await;
            socket.control_frame_done(4);
            advance(2 * DEADLINE).await;
        }
        send(&mut peer, &mut socket, 20).await;
        for _ in 0..=MESSAGE_SECONDS {
            send(&mut peer, &mut socket, CONTROL_HEADER_LEN).await;
            socket.control_frame_done(0);
            advance(Duration::from_secs(1)).await;
        }
        let error = socket.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn reading_a_message_that_is_too_long_fails() {
        let (mut peer, socket) = duplex(MAX_PENDING_LEN + 1);
        let mut socket = LimitedSocket::new(socket, ReadBudget::default());
        let mut message = vec![0; MAX_PENDING_LEN];
        for _ in 0..2 {
            peer.write_all(&message).await.unwrap();
            socket.read_exact(&mut message).await.unwrap();
            socket.message_done();
        }
        peer.write_all(&message).await.unwrap();
        socket.read_exact(&mut message).await.unwrap();
        peer.write_all(b"a").await.unwrap();
        let error = socket.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    }

    #[tokio::test]
    async fn reading_fails_for_an_incomplete_message_and_not_for_an_idle_peer() {
        pause();
        let (mut peer, socket) = duplex(64);
        let mut socket = LimitedSocket::new(socket, ReadBudget::default());
        let mut byte = [0];
        let mut poll = |socket: &mut LimitedSocket<_>| {
            let mut buf = ReadBuf::new(&mut byte);
            Pin::new(socket).poll_read(&mut Context::from_waker(Waker::noop()), &mut buf)
        };
        assert!(poll(&mut socket).is_pending());
        advance(10 * DEADLINE).await;
        assert!(poll(&mut socket).is_pending());

        for _ in 0..3 {
            peer.write_all(b"a").await.unwrap();
            socket.read_u8().await.unwrap();
            socket.message_done();
            advance(DEADLINE).await;
            assert!(poll(&mut socket).is_pending());
        }

        // Send one message byte by byte.
        for _ in 0..MESSAGE_SECONDS {
            peer.write_all(b"a").await.unwrap();
            socket.read_u8().await.unwrap();
            assert!(poll(&mut socket).is_pending());
            advance(Duration::from_secs(1)).await;
        }
        advance(Duration::from_secs(1)).await;
        let Poll::Ready(Err(error)) = poll(&mut socket) else { panic!("reading did not fail") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn long_messages_share_the_budget_and_short_ones_need_none() {
        const PIECE: usize = CHUNK_LEN / 8;
        pause();
        let budget = ReadBudget::default();
        let open = || {
            let (peer, socket) = duplex(PIECE);
            (peer, LimitedSocket::new(socket, budget.clone()))
        };
        let mut incomplete = Vec::new();
        for _ in 0..MAX_PARTIAL_LEN / CHUNK_LEN {
            let (mut peer, mut socket) = open();
            // Eight pieces fill the first chunk. The ninth read takes its permit.
            for _ in 0..9 {
                send(&mut peer, &mut socket, PIECE).await;
            }
            incomplete.push((peer, socket));
        }
        assert_eq!(budget.0.available_permits(), 0);

        let (mut peer, mut socket) = open();
        for _ in 0..8 {
            send(&mut peer, &mut socket, PIECE).await;
        }
        peer.write_all(b"a").await.unwrap();
        let waiting = tokio::spawn(async move { socket.read_u8().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        incomplete.pop();
        assert_eq!(waiting.await.unwrap().unwrap(), b'a');
    }
}
