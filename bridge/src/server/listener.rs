//! The loopback sockets that the bridge listens on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::ServeError;
use super::passed_sockets::PassedSockets;
use super::port_holder::ForeignPort;

/// One address, or the same port on 127.0.0.1 and ::1.
pub(super) struct LoopbackListener {
    address: SocketAddr,
    main: TcpListener,
    /// `None` if the settings name one address, or if the system has no IPv6.
    v6: Option<TcpListener>,
    /// The ports before this one that programs of other users hold.
    skipped: Vec<ForeignPort>,
}

impl LoopbackListener {
    pub(super) async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        let bind_error = |source| ServeError::Bind { address, source };
        let main = listen(address).map_err(bind_error)?;
        let address = main.local_addr().map_err(bind_error)?;
        Ok(Self { address, main, v6: None, skipped: Vec::new() })
    }

    /// Listens on sockets that a service manager holds open and passed to this process.
    pub(super) fn from_passed(passed: PassedSockets) -> Result<Self, ServeError> {
        let problem = |error: io::Error| ServeError::PassedSockets { problem: error.to_string() };
        let usable = |socket: std::net::TcpListener| {
            socket.set_nonblocking(true)?;
            TcpListener::from_std(socket)
        };
        let main = usable(passed.main).map_err(problem)?;
        let v6 = passed.v6.map(usable).transpose().map_err(problem)?;
        Ok(Self { address: passed.address, main, v6, skipped: Vec::new() })
    }

    /// Binds the first port of the range that is free on both addresses.
    pub(super) async fn bind_first_free(ports: RangeInclusive<u16>) -> Result<Self, ServeError> {
        let mut skipped = Vec::new();
        for port in ports {
            if let Some(listener) = Self::bind_both(port).await {
                return Ok(Self { skipped, ..listener });
            }
            if let Some(foreign) = ForeignPort::look_up(port) {
                tracing::warn!(
                    port,
                    holder = %foreign,
                    "a program of another user holds a port of the bridge"
                );
                skipped.push(foreign);
            }
        }
        Err(ServeError::NoFreePort)
    }

    /// Binds a port on both addresses; `None` if it is in use on one of them.
    async fn bind_both(port: u16) -> Option<Self> {
        let listener = Self::bind((Ipv4Addr::LOCALHOST, port).into()).await.ok()?;
        match listen((Ipv6Addr::LOCALHOST, port).into()) {
            Ok(v6) => Some(Self { v6: Some(v6), ..listener }),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => None,
            Err(_) => Some(listener),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn skipped(&self) -> &[ForeignPort] {
        &self.skipped
    }

    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let accepted = match &self.v6 {
            None => self.main.accept().await,
            Some(v6) => tokio::select! {
                accepted = self.main.accept() => accepted,
                accepted = v6.accept() => accepted,
            },
        };
        #[cfg(windows)]
        accepted.iter().for_each(|(socket, _)| crate::windows::inheritance::keep_socket(socket));
        accepted
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    #[cfg(windows)]
    crate::windows::exclusive_port::set(&socket)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Large enough for a flood of connections. If the queue is full, the system of the page waits a
/// second before it tries again.
const BACKLOG: u32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ports_in_use_are_skipped() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        let none = LoopbackListener::bind_first_free(port..=port).await;
        assert!(matches!(none, Err(ServeError::NoFreePort)));
        let bind = LoopbackListener::bind(taken.local_addr().unwrap()).await;
        assert!(matches!(bind, Err(ServeError::Bind { .. })));
        drop(taken);
        assert!(LoopbackListener::bind_first_free(port..=port).await.is_ok());
    }
}
