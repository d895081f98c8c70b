//! The owner of one socket, asked of the kernel (sock_diag(7)): that takes no longer where there are many, so that
//! whoever opens thousands does not hold up the others.

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
    /// This system does not answer such questions.
    Unavailable,
}

/// The user whose socket stands at `peer` and talks to `bridge`. One that is closed, or closed for one direction,
/// has no owner.
pub(super) fn owner(peer: SocketAddr, bridge: SocketAddr) -> Result<u32, OwnerError> {
    /// A kernel that cannot tell says the same as one that has no such socket.
    static HAS_TOLD: AtomicBool = AtomicBool::new(false);
    match ask(peer, bridge) {
        Some(uid) => {
            HAS_TOLD.store(true, Ordering::Relaxed);
            Ok(uid)
        }
        None if HAS_TOLD.load(Ordering::Relaxed) => Err(OwnerError::NoSuchSocket),
        None => Err(OwnerError::Unavailable),
    }
}

fn ask(peer: SocketAddr, bridge: SocketAddr) -> Option<u32> {
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
    let mut question = NetlinkMessage::new(header, SockDiagMessage::InetRequest(request).into());
    question.finalize();
    let mut bytes = vec![0; question.buffer_len()];
    question.serialize(&mut bytes);

    let kernel = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )
    .ok()?;
    send(&kernel, &bytes, SendFlags::empty()).ok()?;
    let mut answer = [0; ANSWER_LEN];
    // It is there when the question has been sent.
    let (len, _) = recv(&kernel, &mut answer, RecvFlags::DONTWAIT).ok()?;
    let answer = NetlinkMessage::<SockDiagMessage>::deserialize(answer.get(..len)?).ok()?;
    let NetlinkPayload::InnerMessage(SockDiagMessage::InetResponse(found)) = answer.payload else {
        return None;
    };
    // Where there is none the kernel looks for one that listens at the peer's end.
    let found = found.header;
    let found_id = &found.socket_id;
    let ends = (
        canonical(SocketAddr::new(found_id.source_address, found_id.source_port)),
        canonical(SocketAddr::new(found_id.destination_address, found_id.destination_port)),
    );
    (ends == (source, destination) && found.state == TCP_ESTABLISHED).then_some(found.uid)
}

/// A socket for both families has the one address in the form of the other.
fn canonical(end: SocketAddr) -> SocketAddr {
    SocketAddr::new(end.ip().to_canonical(), end.port())
}

/// `INET_DIAG_NOCOOKIE`
const NO_COOKIE: [u8; 8] = [0xff; 8];
const ANSWER_LEN: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn the_owner_of_a_socket_is_told_and_nobody_owns_one_that_is_gone() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (bridge, _) = listener.accept().unwrap();
            let ends = (bridge.peer_addr().unwrap(), bridge.local_addr().unwrap());
            assert_eq!(owner(ends.0, ends.1), Ok(rustix::process::geteuid().as_raw()));
            // The listener does not stand in for it.
            assert_eq!(owner(ends.1, ends.1), Err(OwnerError::NoSuchSocket));
            drop(peer);
            assert_eq!(owner(ends.0, ends.1), Err(OwnerError::NoSuchSocket));
        }
    }
}
