//! Whose socket is at the other end of a loopback connection. A program of another user of the computer
//! could claim any origin and use this user's tokens.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Both ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    peer: SocketAddr,
    bridge: SocketAddr,
}

/// The user at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PeerUser {
    Same,
    Other,
    /// The system's table of sockets does not have it.
    Unknown,
}

impl Ends {
    pub(super) fn of(socket: &TcpStream) -> io::Result<Self> {
        Ok(Self { peer: socket.peer_addr()?, bridge: socket.local_addr()? })
    }

    /// Asks the system whose the peer's socket is.
    #[cfg(target_os = "linux")]
    pub(super) fn peer_user(self) -> PeerUser {
        use procfs::net::{TcpNetEntry, tcp, tcp6};

        let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
        let is_peer = |entry: &TcpNetEntry| {
            plain(entry.local_address) == plain(self.peer)
                && plain(entry.remote_address) == plain(self.bridge)
        };
        let in_table = |table: procfs::ProcResult<Vec<TcpNetEntry>>| {
            table.ok()?.into_iter().find(is_peer).map(|entry| entry.uid)
        };
        // A socket for both families stands in the second table, also where it talks IPv4.
        let uid = if self.peer.is_ipv4() {
            in_table(tcp()).or_else(|| in_table(tcp6()))
        } else {
            in_table(tcp6())
        };
        match uid {
            Some(uid) if uid == rustix::process::geteuid().as_raw() => PeerUser::Same,
            Some(_) => PeerUser::Other,
            None => PeerUser::Unknown,
        }
    }

    /// There is no check yet on this platform: everybody counts as the same user, as the README says.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn peer_user(self) -> PeerUser {
        PeerUser::Same
    }
}
