//! Sockets that a service manager opened and passed to this process (sd_listen_fds(3)). Refuses
//! sockets that are not loopback sockets of one port.

use std::net::{SocketAddr, TcpListener};

use super::ServeError;
use crate::config::is_loopback;

/// One or two listening sockets: the same port on 127.0.0.1 and ::1.
pub(crate) struct PassedSockets {
    /// The address of the first of them.
    pub(super) address: SocketAddr,
    pub(super) main: TcpListener,
    /// The same port on ::1, if `main` is on 127.0.0.1.
    pub(super) v6: Option<TcpListener>,
}

impl PassedSockets {
    /// Takes the sockets; `None` if the service manager passed none. Workers do not inherit them.
    /// Changes the environment, so call this before the process has a second thread.
    #[cfg(target_os = "linux")]
    pub(crate) fn take() -> Result<Option<Self>, ServeError> {
        let mut passed = listenfd::ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..passed.len() {
            match passed.take_tcp_listener(index) {
                Ok(socket) => sockets.extend(socket),
                Err(error) => return Err(refused(error.to_string())),
            }
        }
        if sockets.is_empty() { Ok(None) } else { Self::new(sockets).map(Some) }
    }

    /// On this platform, no service manager passes sockets.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn take() -> Result<Option<Self>, ServeError> {
        Ok(None)
    }

    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "no sockets are passed"))]
    fn new(sockets: Vec<TcpListener>) -> Result<Self, ServeError> {
        let mut found = Vec::new();
        for socket in sockets {
            let address = socket.local_addr().map_err(|error| refused(error.to_string()))?;
            if !is_loopback(address.ip()) {
                return Err(refused(format!("{address} is not 127.0.0.1 or [::1]")));
            }
            if !accepts_connections(&socket) {
                return Err(refused(format!("the socket at {address} does not listen")));
            }
            found.push((address, socket));
        }
        // 127.0.0.1 comes before ::1.
        found.sort_by_key(|(address, _)| *address);
        let addresses: Vec<_> = found.iter().map(|(address, _)| *address).collect();
        let is_one_port = match addresses[..] {
            [_] => true,
            [v4, v6] => v4.is_ipv4() && v6.is_ipv6() && v4.port() == v6.port(),
            _ => false,
        };
        let mut found = found.into_iter();
        match found.next() {
            Some((address, main)) if is_one_port => {
                Ok(Self { address, main, v6: found.next().map(|(_, v6)| v6) })
            }
            _ => {
                let list: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                Err(refused(format!("{} are not one port", list.join(", "))))
            }
        }
    }
}

/// Not the case for a socket of one connection, which `Accept=yes` of a unit passes.
#[cfg(target_os = "linux")]
fn accepts_connections(socket: &TcpListener) -> bool {
    rustix::net::sockopt::socket_acceptconn(socket).unwrap_or(false)
}

#[cfg(not(target_os = "linux"))]
fn accepts_connections(_: &TcpListener) -> bool {
    true
}

fn refused(problem: String) -> ServeError {
    ServeError::PassedSockets { problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: &str) -> TcpListener {
        TcpListener::bind(address).unwrap()
    }

    #[test]
    fn one_port_on_loopback_is_taken() {
        let v4 = listen("127.0.0.1:0");
        let address = v4.local_addr().unwrap();
        let mut sockets = vec![v4];
        if let Ok(v6) = TcpListener::bind(("::1", address.port())) {
            sockets.insert(0, v6);
        }
        let count = sockets.len();
        let passed = PassedSockets::new(sockets).ok().unwrap();
        assert_eq!((passed.address, passed.main.local_addr().unwrap()), (address, address));
        assert_eq!(passed.v6.is_some(), count == 2);
    }

    #[test]
    fn other_sockets_are_refused() {
        for (sockets, problem) in [
            (vec![listen("0.0.0.0:0")], "is not 127.0.0.1"),
            (vec![listen("127.0.0.2:0")], "is not 127.0.0.1"),
            (vec![listen("127.0.0.1:0"), listen("127.0.0.1:0")], "are not one port"),
        ] {
            let error = PassedSockets::new(sockets).err().unwrap().to_string();
            assert!(error.contains(problem) && error.contains("ListenStream="), "{error}");
        }
    }
}
