//! The owner of a socket by the system's table of all of them, which takes the longer the more there are.

use std::net::SocketAddr;

use procfs::ProcResult;
use procfs::net::{TcpNetEntry, tcp, tcp6};

/// The user whose socket stands at `peer` and talks to `bridge`.
pub(super) fn owner(peer: SocketAddr, bridge: SocketAddr) -> Option<u32> {
    let plain = |end: SocketAddr| SocketAddr::new(end.ip().to_canonical(), end.port());
    let is_peer = |entry: &TcpNetEntry| {
        plain(entry.local_address) == plain(peer) && plain(entry.remote_address) == plain(bridge)
    };
    let in_table = |table: ProcResult<Vec<TcpNetEntry>>| {
        table.ok()?.into_iter().find(is_peer).map(|entry| entry.uid)
    };
    // A socket for both families stands in the second table, also where it talks IPv4.
    if peer.is_ipv4() { in_table(tcp()).or_else(|| in_table(tcp6())) } else { in_table(tcp6()) }
}
