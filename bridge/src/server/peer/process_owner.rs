//! The user of the process that owns the peer's socket.

use std::io;
use std::net::SocketAddr;
use std::os::windows::io::AsHandle;

use crate::windows::sid::{Sid, open_process};
use crate::windows::tcp_table::owner_of_connection;

/// The user at the end `peer` of a connection. `None` if no process owns the socket any more.
pub(super) fn of_connection(peer: SocketAddr, bridge: SocketAddr) -> io::Result<Option<Sid>> {
    let Some(id) = owner_of_connection(peer, bridge)? else { return Ok(None) };
    let process = open_process(id)?;
    // Before it was opened, the process may have ended, and another may have got its id.
    if owner_of_connection(peer, bridge)? != Some(id) {
        return Ok(None);
    }
    Sid::of_process(process.as_handle()).map(Some)
}
