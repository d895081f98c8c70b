//! Asks the kernel for the owner of one socket (sock_diag(7)). The time does not depend on the
//! number of sockets, so a program that opens thousands does not slow down others.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, TCP_ESTABLISHED};
use netlink_packet_sock_diag::inet::{ExtensionFlags, InetRequest, SocketId, StateFlags};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnerError {
    NoSuchSocket,
    /// This kernel does not support sock_diag.
    Unavailable,
}

/// The user id of the socket with the local address `peer` and the remote address `bridge`. A
/// socket that is closed, or closed for one direction, has no owner.
pub(super) fn owner(peer: SocketAddr, bridge: SocketAddr) -> Result<u32, OwnerError> {
    /// A kernel without sock_diag answers like a kernel that does not find the socket. After the
    /// first success, the second case is certain.
    static IS_SUPPORTED: AtomicBool = AtomicBool::new(false);
    match query(peer, bridge) {
        Some(uid) => {
            IS_SUPPORTED.store(true, Ordering::Relaxed);
            Ok(uid)
        }
        None if IS_SUPPORTED.load(Ordering::Relaxed) => Err(OwnerError::NoSuchSocket),
        None => Err(OwnerError::Unavailable),
    }
}

fn query(peer: SocketAddr, bridge: SocketAddr) -> Option<u32> {
    let (source, destination) = (canonical(peer), canonical(bridge));
    let request = InetRequest {
        family: if source.is_ipv4() { AF_INET } else { AF_INET6 },
        protocol: IPPROTO_TCP,
        extensions: ExtensionFlags::empty(),
        states: StateFlags::all(),
        socket_id: SocketId {
            source_port: source.port(),
            destination_port: destination.port(),
            source_address: source.ip(),
            destination_address: destination.ip(),
            interface_id: 0,
            cookie: NO_COOKIE,
        },
    };
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST;
    let mut message = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);

    let kernel = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .ok()?;
    send(&kernel, &bytes, SendFlags::empty()).ok()?;
    let mut response = [0; RESPONSE_LEN];
    // The kernel responds during `send`, so there is nothing to wait for.
    let (len, _) = recv(&kernel, &mut response, RecvFlags::DONTWAIT).ok()?;
    let response = NetlinkMessage::<SockDiagMessage>::deserialize(response.get(..len)?).ok()?;
    let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) = response.payload
    else {
        return None;
    };
    // If the socket does not exist, the kernel returns a socket that listens on the peer's address.
    let found = found.header;
    let found_id = &found.socket_id;
    let ends = (
        canonical(SocketAddr::new(found_id.source_address, found_id.source_port)),
        canonical(SocketAddr::new(found_id.destination_address, found_id.destination_port)),
    );
    (ends == (source, destination) && found.state == TCP_ESTABLISHED).then_some(found.uid)
}

/// A socket for both families reports an IPv4 address in its IPv6 form. Convert it back.
fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// `INET_DIAG_NOCOOKIE`.
const NO_COOKIE: [u8; 8] = [0xff; 8];
const RESPONSE_LEN: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn open_sockets_have_an_owner_and_closed_ones_do_not() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (bridge, _) = listener.accept().unwrap();
            let ends = (bridge.peer_addr().unwrap(), bridge.local_addr().unwrap());
            assert_eq!(owner(ends.0, ends.1), Ok(rustix::process::geteuid().as_raw()));
            // The listener's own socket is not the peer's socket.
            assert_eq!(owner(ends.1, ends.1), Err(OwnerError::NoSuchSocket));
            drop(peer);
            assert_eq!(owner(ends.0, ends.1), Err(OwnerError::NoSuchSocket));
        }
    }
}
