//! A socket that does not wait for ever for the rest of a message, nor take any amount of it: whoever sends one byte
//! a second, half a frame, or pieces without end, is given up.

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

/// The room for messages that are not whole yet, which all connections share.
#[derive(Clone)]
pub(super) struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_PARTIAL_LEN / CHUNK_LEN)))
    }
}

/// Reading fails with [`io::ErrorKind::TimedOut`] where a message was begun and is not done in time, and with
/// [`io::ErrorKind::FileTooLarge`] where its frames take more than a message may have: those that are there are kept,
/// and the next one may announce as much again.
pub(super) struct Paced<S = TcpStream> {
    socket: S,
    /// There from the first byte after the last message on.
    deadline: Option<Pin<Box<Sleep>>>,
    /// The bytes since then.
    unread: usize,
    room: PollSemaphore,
    /// The room for them, but for the first, which are free.
    held: Vec<OwnedSemaphorePermit>,
}

impl<S> Paced<S> {
    pub(super) fn new(socket: S, room: Room) -> Self {
        Self {
            socket,
            deadline: None,
            unread: 0,
            room: PollSemaphore::new(room.0),
            held: Vec::new(),
        }
    }

    /// The socket itself.
    pub(super) fn into_inner(self) -> S {
        self.socket
    }

    /// What was begun is there whole. A next message may have begun with the bytes that came with its end:
    /// those are few, and its time starts with the next ones.
    pub(super) fn message_done(&mut self) {
        self.deadline = None;
        self.unread = 0;
        self.held = Vec::new();
    }

    /// A ping or pong of that length is there, which may stand between the pieces of a message: those have no
    /// more time for it.
    pub(super) fn control_frame_done(&mut self, len: usize) {
        self.unread = self.unread.saturating_sub(CONTROL_HEADER_LEN + len);
        if self.unread == 0 {
            self.message_done();
        }
    }

    /// Waits until there is room for what has come, as long as the deadline lets it.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.held.len() < self.unread / CHUNK_LEN {
            match ready!(self.room.poll_acquire(cx)) {
                Some(chunk) => self.held.push(chunk),
                None => break,
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
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
        ready!(self.poll_room(cx));
        let before = buf.filled().len();
        let read = Pin::new(&mut self.socket).poll_read(cx, buf);
        let len = buf.filled().len() - before;
        self.unread += len;
        if len > 0 && self.deadline.is_none() {
            self.deadline = Some(Box::pin(sleep(DEADLINE)));
        }
        if self.unread > MAX_UNREAD {
            return Poll::Ready(Err(io::ErrorKind::FileTooLarge.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
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

/// Of a short frame with a mask (RFC 6455, section 5.2).
const CONTROL_HEADER_LEN: usize = 6;
const DEADLINE: Duration = Duration::from_secs(MESSAGE_SECONDS);
const CHUNK_LEN: usize = 64 << 10;
/// The longest message, with the heads of its frames.
const MAX_UNREAD: usize = MAX_FRAME_LEN + (64 << 10);

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{advance, pause};

    use super::*;

    async fn send(
        peer: &mut (impl AsyncWrite + Unpin),
        socket: &mut Paced<impl AsyncRead + Unpin>,
        len: usize,
    ) {
        peer.write_all(&vec![0; len]).await.unwrap();
        socket.read_exact(&mut vec![0; len]).await.unwrap();
    }

    #[tokio::test]
    async fn pings_between_its_pieces_give_a_message_no_more_time() {
        pause();
        let (mut peer, socket) = duplex(64);
        let mut socket = Paced::new(socket, Room::default());
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
    async fn a_message_that_takes_too_much_is_given_up() {
        let (mut peer, socket) = duplex(MAX_UNREAD + 1);
        let mut socket = Paced::new(socket, Room::default());
        let mut message = vec![0; MAX_UNREAD];
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
    async fn a_message_that_does_not_end_is_given_up_and_silence_is_not() {
        pause();
        let (mut peer, socket) = duplex(64);
        let mut socket = Paced::new(socket, Room::default());
        let mut byte = [0];
        let mut poll = |socket: &mut Paced<_>| {
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

        // Byte by byte, in one message.
        for _ in 0..MESSAGE_SECONDS {
            peer.write_all(b"a").await.unwrap();
            socket.read_u8().await.unwrap();
            assert!(poll(&mut socket).is_pending());
            advance(Duration::from_secs(1)).await;
        }
        advance(Duration::from_secs(1)).await;
        let Poll::Ready(Err(error)) = poll(&mut socket) else { panic!("it is not given up") };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn long_messages_share_the_room_and_short_ones_need_none() {
        const PIECE: usize = CHUNK_LEN / 8;
        pause();
        let room = Room::default();
        let open = || {
            let (peer, socket) = duplex(PIECE);
            (peer, Paced::new(socket, room.clone()))
        };
        let mut begun = Vec::new();
        for _ in 0..MAX_PARTIAL_LEN / CHUNK_LEN {
            let (mut peer, mut socket) = open();
            // One chunk is free, and the next one is held from then on.
            for _ in 0..9 {
                send(&mut peer, &mut socket, PIECE).await;
            }
            begun.push((peer, socket));
        }
        assert_eq!(room.0.available_permits(), 0);

        let (mut peer, mut socket) = open();
        for _ in 0..8 {
            send(&mut peer, &mut socket, PIECE).await;
        }
        peer.write_all(b"a").await.unwrap();
        let waiting = tokio::spawn(async move { socket.read_u8().await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        begun.pop();
        assert_eq!(waiting.await.unwrap().unwrap(), b'a');
    }
}
