//! Takes a port alone. Without this, another program could bind the same port with `SO_REUSEADDR`,
//! and get connections of the bridge.

#![allow(unsafe_code)]

use std::io;
use std::os::windows::io::{AsRawSocket, AsSocket};

use windows_sys::Win32::Networking::WinSock::{
    SO_EXCLUSIVEADDRUSE, SOL_SOCKET, WSAGetLastError, setsockopt,
};

/// Makes a socket take its port alone. Call it before the socket is bound.
pub(crate) fn set(socket: &impl AsSocket) -> io::Result<()> {
    let on = 1_i32.to_ne_bytes();
    let socket = socket.as_socket().as_raw_socket();
    // SAFETY: the socket is open. The option is an integer of four bytes.
    let result = unsafe {
        setsockopt(
            socket.try_into().map_err(io::Error::other)?,
            SOL_SOCKET,
            SO_EXCLUSIVEADDRUSE,
            on.as_ptr(),
            4,
        )
    };
    if result == 0 {
        return Ok(());
    }
    // SAFETY: the call takes no pointers.
    Err(io::Error::from_raw_os_error(unsafe { WSAGetLastError() }))
}
