//! Which process owns a TCP socket of this computer.

#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ptr;

use windows_sys::Win32::Foundation::ERROR_INSUFFICIENT_BUFFER;
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID, TCP_TABLE_CLASS,
    TCP_TABLE_OWNER_PID_CONNECTIONS, TCP_TABLE_OWNER_PID_LISTENER,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};

use super::check_code;

/// The process at the near end of a connection. `None` if there is no such connection.
pub(crate) fn owner_of_connection(near: SocketAddr, far: SocketAddr) -> io::Result<Option<u32>> {
    let rows = rows(near.ip(), TCP_TABLE_OWNER_PID_CONNECTIONS)?;
    let ends = (simple(near), simple(far));
    Ok(owner(rows.into_iter().find(|row| (simple(row.local), simple(row.remote)) == ends)))
}

/// The process that listens on a port. 0 if the system does not tell.
pub(crate) fn owner_of_listener(port: u16) -> io::Result<Option<u32>> {
    for address in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
        let listeners = rows(address, TCP_TABLE_OWNER_PID_LISTENER)?;
        if let Some(listener) = listeners.into_iter().find(|row| row.local.port() == port) {
            return Ok(Some(listener.process));
        }
    }
    Ok(None)
}

struct Row {
    local: SocketAddr,
    remote: SocketAddr,
    process: u32,
}

/// Process 0 stands for sockets that no process owns any more.
fn owner(row: Option<Row>) -> Option<u32> {
    row.map(|row| row.process).filter(|&process| process != 0)
}

/// Without the scope and the flow of IPv6, which the table does not have.
fn simple(address: SocketAddr) -> (IpAddr, u16) {
    (address.ip(), address.port())
}

fn rows(family: IpAddr, class: TCP_TABLE_CLASS) -> io::Result<Vec<Row>> {
    // A port is in the lower two bytes, in network order.
    let port = |port: u32| u16::from_be((port & 0xffff) as u16);
    match family {
        IpAddr::V4(_) => {
            let address = |bytes: u32| Ipv4Addr::from(bytes.to_ne_bytes());
            // SAFETY: this is the type of the rows of this family and class.
            let rows = unsafe { table::<MIB_TCPROW_OWNER_PID>(AF_INET, class)? };
            let row = |row: MIB_TCPROW_OWNER_PID| Row {
                local: (address(row.dwLocalAddr), port(row.dwLocalPort)).into(),
                remote: (address(row.dwRemoteAddr), port(row.dwRemotePort)).into(),
                process: row.dwOwningPid,
            };
            Ok(rows.into_iter().map(row).collect())
        }
        IpAddr::V6(_) => {
            // SAFETY: as above.
            let rows = unsafe { table::<MIB_TCP6ROW_OWNER_PID>(AF_INET6, class)? };
            let row = |row: MIB_TCP6ROW_OWNER_PID| Row {
                local: (Ipv6Addr::from(row.ucLocalAddr), port(row.dwLocalPort)).into(),
                remote: (Ipv6Addr::from(row.ucRemoteAddr), port(row.dwRemotePort)).into(),
                process: row.dwOwningPid,
            };
            Ok(rows.into_iter().map(row).collect())
        }
    }
}

/// The rows of a table: a count, then the rows. Both have fields of 4 bytes at most.
///
/// # Safety
/// `R` is the type of the rows of this family and class.
unsafe fn table<R: Copy>(family: u16, class: TCP_TABLE_CLASS) -> io::Result<Vec<R>> {
    let mut buffer = vec![0_u32; 1 << 12];
    loop {
        let mut len = u32::try_from(size_of_val(&buffer[..])).map_err(io::Error::other)?;
        let address = buffer.as_mut_ptr().cast();
        // SAFETY: the buffer has the length that is passed.
        let code =
            unsafe { GetExtendedTcpTable(address, &raw mut len, 0, u32::from(family), class, 0) };
        if code != ERROR_INSUFFICIENT_BUFFER {
            check_code(code)?;
            break;
        }
        // Connections may come meanwhile.
        buffer = vec![0; (len as usize).div_ceil(size_of::<u32>()) + (1 << 10)];
    }
    let (count, rows) = (buffer[0] as usize, &buffer[1..]);
    let count = count.min(size_of_val(rows) / size_of::<R>());
    let first = rows.as_ptr().cast::<R>();
    // SAFETY: the system has written this many rows of this type, and they are in the buffer.
    Ok((0..count).map(|row| unsafe { ptr::read_unaligned(first.add(row)) }).collect())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_owner_of_a_connection_is_this_process() {
        let own = Some(std::process::id());
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let address = listener.local_addr().unwrap();
            let mut near = TcpStream::connect(address).unwrap();
            let (mut far, peer) = listener.accept().unwrap();
            // Wine sees who owns a socket only after the process has used it.
            near.write_all(&[1]).unwrap();
            far.read_exact(&mut [0]).unwrap();
            let rows = rows(address.ip(), TCP_TABLE_OWNER_PID_CONNECTIONS).unwrap();
            assert!(rows.iter().any(|row| (row.local, row.remote) == (peer, address)));
            // Wine does not tell the process of a socket of IPv6.
            if address.is_ipv4() {
                assert_eq!(owner_of_connection(peer, address).unwrap(), own);
            }
            // Wine does not tell the process of a socket that listens, or was accepted.
            assert!(owner_of_listener(address.port()).unwrap().is_some());
            drop((listener, near, far));
            assert_eq!(owner_of_listener(address.port()).unwrap(), None);
        }
    }
}
