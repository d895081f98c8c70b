//! Whether a WebSocket to the bridge is there, and what is done about it if not.

use futures_channel::oneshot;

use crate::socket::Sender;

/// The state of the link to the bridge.
pub(super) enum Link {
    /// A WebSocket is there.
    Open(Sender),
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

    pub(super) fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}
