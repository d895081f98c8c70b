//! Looks for a socket among the open files of this user's processes. macOS has no table of sockets
//! with their users.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

/// Whether a process of this user has the socket with the local address `peer` and the remote
/// address `bridge`.
pub(super) fn is_of_this_user(peer: SocketAddr, bridge: SocketAddr) -> bool {
    let ends = |end: SocketAddr| (end.ip().to_canonical(), end.port());
    let wanted = (ends(peer), ends(bridge));
    processes()
        .into_iter()
        .any(|process| sockets(process).any(|socket| ends_of(process, socket) == Some(wanted)))
}

/// The processes of this user.
fn processes() -> Vec<c_int> {
    let user = rustix::process::geteuid().as_raw();
    // SAFETY: the buffer has the length that is passed, or is null.
    listed(|buffer, len| unsafe { libc::proc_listpids(PROC_UID_ONLY, user, buffer, len) })
}

/// The descriptors of a process that are sockets.
fn sockets(process: c_int) -> impl Iterator<Item = c_int> {
    // SAFETY: the buffer has the length that is passed, or is null.
    let files: Vec<[u32; 2]> = listed(|buffer, len| unsafe {
        libc::proc_pidinfo(process, PROC_PIDLISTFDS, 0, buffer, len)
    });
    files.into_iter().filter(|[_, kind]| *kind == PROX_FDTYPE_SOCKET).map(|[fd, _]| fd as c_int)
}

type Ends = ((IpAddr, u16), (IpAddr, u16));

/// The local and the remote end of a TCP socket.
fn ends_of(process: c_int, descriptor: c_int) -> Option<Ends> {
    let mut info = [0_u8; SOCKET_FDINFO_LEN];
    let len = c_int::try_from(info.len()).ok()?;
    let buffer = info.as_mut_ptr().cast();
    // SAFETY: the buffer has the length that is passed.
    let written =
        unsafe { libc::proc_pidfdinfo(process, descriptor, PROC_PIDFDSOCKETINFO, buffer, len) };
    (written == len).then(|| tcp_ends(&info)).flatten()
}

/// Reads `struct socket_fdinfo` of `sys/proc_info.h`.
fn tcp_ends(info: &[u8; SOCKET_FDINFO_LEN]) -> Option<Ends> {
    let is_tcp = info[KIND..].first_chunk().map(|kind| i32::from_ne_bytes(*kind))? == SOCKINFO_TCP;
    let is_v4 = info[VERSION] & INI_IPV4 != 0;
    let end = |port: usize, address: usize| -> Option<(IpAddr, u16)> {
        // In network order, in the first half of an integer.
        let port = u16::from_be_bytes(*info[port..].first_chunk()?);
        let address: [u8; 16] = *info[address..].first_chunk()?;
        let address = match address.last_chunk::<4>() {
            Some(last) if is_v4 => Ipv4Addr::from(*last).into(),
            _ => Ipv6Addr::from(address).to_canonical(),
        };
        Some((address, port))
    };
    if is_tcp { Some((end(LOCAL_PORT, LOCAL)?, end(FOREIGN_PORT, FOREIGN)?)) } else { None }
}

/// The items that a call writes to a buffer. The call returns the bytes that it wrote, or those
/// that it needs if there is no buffer.
fn listed<T: Copy + Default>(call: impl Fn(*mut c_void, c_int) -> c_int) -> Vec<T> {
    let needed = usize::try_from(call(ptr::null_mut(), 0)).unwrap_or(0);
    // There may be more meanwhile.
    let mut items = vec![T::default(); needed / size_of::<T>() + SPARE];
    let len = c_int::try_from(size_of_val(&items[..])).unwrap_or(0);
    let written = usize::try_from(call(items.as_mut_ptr().cast(), len)).unwrap_or(0);
    items.truncate(written / size_of::<T>());
    items
}

const SPARE: usize = 64;

// From `sys/proc_info.h`.
const PROC_UID_ONLY: u32 = 4;
const PROC_PIDLISTFDS: c_int = 1;
const PROC_PIDFDSOCKETINFO: c_int = 3;
const PROX_FDTYPE_SOCKET: u32 = 2;
const SOCKINFO_TCP: i32 = 2;
const INI_IPV4: u8 = 1;

// The length of `struct socket_fdinfo`, and where its fields are. It begins with a `proc_fileinfo`
// of 24 bytes and a `socket_info` of 240 bytes, which ends with an `in_sockinfo`.
const SOCKET_FDINFO_LEN: usize = 792;
const KIND: usize = 24 + 232;
const FOREIGN_PORT: usize = 24 + 240;
const LOCAL_PORT: usize = FOREIGN_PORT + 4;
const VERSION: usize = FOREIGN_PORT + 24;
const FOREIGN: usize = FOREIGN_PORT + 32;
const LOCAL: usize = FOREIGN + 16;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn sockets_of_this_process_are_found() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let near = TcpStream::connect(address).unwrap();
            let peer = near.local_addr().unwrap();
            assert!(is_of_this_user(peer, address));
            assert!(!is_of_this_user(peer, peer));
        }
    }
}
