//! Listens on loopback and serves each connection in a task of its own. One bad connection never
//! stops the listener; shutdown answers what is in flight before it closes.

mod admission;
mod connection;
pub mod handshake;
mod listener;
mod peer;
mod read_limits;

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::{HANDSHAKE_SECONDS, PORTS};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Listen, Settings};
use crate::service::Bridge;
use admission::Admission;
use connection::Connection;
use listener::LoopbackListener;
use read_limits::Room;

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
        let bridge = Arc::clone(&self.bridge);
        tokio::select! {
            () = self.serve(stop) => {}
            () = bridge.follow_approvals() => {}
        }
        bridge.end_workers().await;
    }

    async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let admission = Arc::new(Admission::default());
        let room = Room::default();
        let mut handshakes = VecDeque::<AbortHandle>::new();
        let port = self.address().port();
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
            };
            let socket = match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    // Out of file descriptors, most likely: others have to finish first.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Whoever opens sockets and says nothing pushes out its own, not those who speak.
            handshakes.retain(|handshake| !handshake.is_finished());
            if handshakes.len() >= MAX_HANDSHAKES
                && let Some(oldest) = handshakes.pop_front()
            {
                oldest.abort();
            }
            let (bridge, admission) = (Arc::clone(&self.bridge), Arc::clone(&admission));
            let (tracker, stop, room) = (tasks.clone(), stop.clone(), room.clone());
            let handshake = tasks.spawn(async move {
                let upgraded = timeout(HANDSHAKE_DEADLINE, handshake::upgrade(socket, port, room));
                let upgraded = tokio::select! {
                    upgraded = upgraded => upgraded,
                    () = stop.cancelled() => return,
                };
                if let Ok(Some(upgraded)) = upgraded {
                    tracker.spawn(serve(upgraded, bridge, admission, stop));
                }
            });
            handshakes.push_back(handshake.abort_handle());
            // Those who are connected, and this one, have their turn before the next comes in.
            tokio::task::yield_now().await;
        }
        drop(self.listener);
        self.bridge.close_dialogs();
        tasks.close();
        tasks.wait().await;
    }
}

/// Serves a connection whose handshake is done.
async fn serve(
    (socket, origin): handshake::Upgraded,
    bridge: Arc<Bridge>,
    admission: Arc<Admission>,
    stop: CancellationToken,
) {
    match admission.take(&origin, bridge.approval(&origin)) {
        Some(place) => Connection::new(socket, bridge, origin, place).run(stop).await,
        None => {
            // Whoever comes again and again is not waited for.
            if let Some(_place) = admission.take_for_goodbye() {
                connection::refuse_for_now(socket).await;
            }
        }
    }
}

const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(HANDSHAKE_SECONDS);
const MAX_HANDSHAKES: usize = 128;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
