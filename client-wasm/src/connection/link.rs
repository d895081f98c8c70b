//! Whether a WebSocket to the bridge is there, and what is done about it if not.

use futures_channel::oneshot;

use crate::socket::Sender;

/// The state of the link to the bridge.
pub(super) enum Link {
    /// A WebSocket to the bridge is there.
    Open(Sender),
    /// A WebSocket is there, but the program behind it has not proved yet that it is the bridge. It
    /// has to do so before the first call.
    Unproved { sender: Sender, port: u16 },
    /// The program has to prove it with the reply to the `hello` of this id.
    Proving { sender: Sender, port: u16, hello: u64 },
    /// The client tries the ports.
    Searching,
    /// The next search starts later, or as soon as this is dropped.
    Pausing { _wake: oneshot::Sender<()> },
    /// The page closed the connection.
    Closed,
}

impl Link {
    /// A pause, and the channel that closes when it ends early.
    pub(super) fn pausing() -> (Self, oneshot::Receiver<()>) {
        let (wake, woken) = oneshot::channel();
        (Self::Pausing { _wake: wake }, woken)
    }

    /// The WebSocket, if a frame that is sent now can arrive.
    pub(super) fn open(&self) -> Option<&Sender> {
        match self {
            Self::Open(sender) if sender.is_open() => Some(sender),
            _ => None,
        }
    }

    /// Whether calls can be sent, now or after the proof.
    pub(super) fn is_connected(&self) -> bool {
        self.sender().is_some_and(Sender::is_open)
    }

    /// The WebSocket, if there is one.
    pub(super) fn sender(&self) -> Option<&Sender> {
        match self {
            Self::Open(sender) | Self::Unproved { sender, .. } | Self::Proving { sender, .. } => {
                Some(sender)
            }
            Self::Searching | Self::Pausing { .. } | Self::Closed => None,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}
