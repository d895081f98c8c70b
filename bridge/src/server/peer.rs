//! Which user owns the socket at the other end of a loopback connection. Without this check, a
//! program of another user of the computer could claim any origin and use this user's tokens.

#[cfg(target_os = "macos")]
mod open_sockets;
#[cfg(windows)]
mod process_owner;
#[cfg(target_os = "linux")]
mod sock_diag;
#[cfg(target_os = "linux")]
mod table;

use std::io;
use std::net::SocketAddr;

#[cfg(target_os = "linux")]
use sock_diag::OwnerError;
use tokio::net::TcpStream;

#[cfg(windows)]
use crate::windows::sid::Sid;

/// The addresses of both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    peer: SocketAddr,
    bridge: SocketAddr,
}

/// The user at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerUser {
    Same,
    #[cfg_attr(target_os = "macos", expect(dead_code, reason = "macOS tells of one user only"))]
    Other,
    /// The system does not report the user.
    Unknown,
}

impl Ends {
    pub(super) fn of(socket: &TcpStream) -> io::Result<Self> {
        Ok(Self { peer: socket.peer_addr()?, bridge: socket.local_addr()? })
    }

    /// Asks the system which user owns the peer's socket.
    #[cfg(target_os = "linux")]
    pub(super) fn peer_user(self) -> PeerUser {
        let uid = match sock_diag::owner(self.peer, self.bridge) {
            Ok(uid) => Some(uid),
            // The socket is closed, or closed for one direction.
            Err(OwnerError::NoSuchSocket) => None,
            Err(OwnerError::Unavailable) => table::owner(self.peer, self.bridge),
        };
        match uid {
            Some(uid) if uid == rustix::process::geteuid().as_raw() => PeerUser::Same,
            Some(_) => PeerUser::Other,
            None => PeerUser::Unknown,
        }
    }

    /// Asks the system which process owns the peer's socket, and which user owns that process.
    /// Windows tells that of programs with more rights than the bridge to nobody.
    #[cfg(windows)]
    pub(super) fn peer_user(self) -> PeerUser {
        let user = process_owner::of_connection(self.peer, self.bridge);
        match user.inspect_err(|error| tracing::debug!(%error, "cannot see a peer's user")) {
            Ok(Some(user)) if Sid::of_this_process().is_ok_and(|own| own == user) => PeerUser::Same,
            Ok(Some(_)) => PeerUser::Other,
            Ok(None) | Err(_) => PeerUser::Unknown,
        }
    }

    /// Looks for the peer's socket among those of this user.
    #[cfg(target_os = "macos")]
    pub(super) fn peer_user(self) -> PeerUser {
        if open_sockets::is_of_this_user(self.peer, self.bridge) {
            PeerUser::Same
        } else {
            PeerUser::Unknown
        }
    }

    /// This platform has no check yet, so every user counts as the same user.
    #[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
    pub(super) fn peer_user(self) -> PeerUser {
        PeerUser::Same
    }
}
