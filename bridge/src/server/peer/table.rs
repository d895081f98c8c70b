//! Finds the owner of a socket in the system's table of all sockets. Used if sock_diag is missing,
//! because the time grows with the number of sockets.

use std::net::SocketAddr;

use procfs::ProcResult;
use procfs::net::{TcpNetEntry, tcp, tcp6};

/// The user id of the socket with the local address `peer` and the remote address `bridge`.
pub(super) fn owner(peer: SocketAddr, bridge: SocketAddr) -> Option<u32> {
    let canonical = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let is_peer = |entry: &TcpNetEntry| {
        canonical(entry.local_address) == canonical(peer)
            && canonical(entry.remote_address) == canonical(bridge)
    };
    let in_table = |table: ProcResult<Vec<TcpNetEntry>>| {
        table.ok()?.into_iter().find(is_peer).map(|entry| entry.uid)
    };
    // A socket for both families is in the IPv6 table, even if the connection uses IPv4.
    if peer.is_ipv4() { in_table(tcp()).or_else(|| in_table(tcp6())) } else { in_table(tcp6()) }
}
