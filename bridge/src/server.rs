//! Listens on loopback and serves each connection in a task of its own. One bad connection never
//! stops the listener; shutdown answers what is in flight before it closes.

mod connection;
mod handshake;
mod listener;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::{HANDSHAKE_SECONDS, MAX_CONNECTIONS, PORTS};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bridge::Bridge;
use crate::config::{Listen, Settings};
use connection::Connection;
use listener::LoopbackListener;

/// A bridge that has its port.
pub(crate) struct Server {
    listener: LoopbackListener,
    bridge: Arc<Bridge>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(
        "none of the ports {} to {} is free on 127.0.0.1; stop what uses them (another bridge?) or \
         choose one with --listen",
        PORTS.start(), PORTS.end()
    )]
    NoFreePort,
    #[error(
        "cannot listen on {address}: {source}; stop what uses it or choose another address with --listen"
    )]
    Bind { address: SocketAddr, source: io::Error },
}

impl Server {
    pub(crate) async fn bind(settings: Settings) -> Result<Self, ServeError> {
        let listener = match settings.listen {
            Listen::FirstFree => LoopbackListener::bind_first_free(PORTS).await?,
            Listen::Address(address) => LoopbackListener::bind(address).await?,
        };
        Ok(Self { listener, bridge: Arc::new(Bridge::new(settings)) })
    }

    /// An address that the bridge listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Serves until `stop` is cancelled, then until everything has ended.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        // More than that many peers in the middle of a handshake wait in the system's queue.
        let handshakes = Arc::new(Semaphore::new(MAX_HANDSHAKES));
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let port = self.address().port();
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&handshakes) => accepted,
                () = stop.cancelled() => break,
            };
            let (socket, permit) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file descriptors, most likely: others have to finish first.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let bridge = Arc::clone(&self.bridge);
            let connections = Arc::clone(&connections);
            let stop = stop.clone();
            tasks.spawn(async move {
                let deadline = Duration::from_secs(HANDSHAKE_SECONDS);
                let handshake = tokio::select! {
                    handshake = timeout(deadline, upgrade(socket, port)) => handshake,
                    () = stop.cancelled() => return,
                };
                drop(permit);
                let Ok(Some((socket, origin))) = handshake else { return };
                let connection = Connection::new(socket, bridge, origin);
                match connections.try_acquire_owned() {
                    Ok(_permit) => connection.run(stop).await,
                    Err(_) => connection.refuse_for_now().await,
                }
            });
        }
        drop(self.listener);
        tasks.close();
        tasks.wait().await;
        self.bridge.workers_ended().await;
    }

    /// A connection together with the right to a handshake.
    async fn accept(
        &self,
        handshakes: &Arc<Semaphore>,
    ) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
        let permit = Arc::clone(handshakes).acquire_owned().await.map_err(io::Error::other)?;
        let (socket, _) = self.listener.accept().await?;
        Ok((socket, permit))
    }
}

async fn upgrade(socket: TcpStream, port: u16) -> Option<handshake::Upgraded> {
    // Frames are small and each is waited for.
    let _ = socket.set_nodelay(true);
    handshake::upgrade(socket, port).await
}

const MAX_HANDSHAKES: usize = 128;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
