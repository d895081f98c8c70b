//! Listens on loopback addresses and serves each connection in a task of its own. A bad connection
//! never stops the listener. When the bridge stops, it answers the requests in flight first.

mod admission;
mod calls;
mod connection;
pub mod handshake;
mod idle;
mod listener;
mod passed_sockets;
mod peer;
mod port_holder;
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
use crate::identity::{IdentityKey, KeyFileError};
use crate::process::program;
use crate::service::{Bridge, Endpoint};
use admission::Admission;
use connection::Connection;
use idle::Idle;
use listener::LoopbackListener;
pub(crate) use passed_sockets::PassedSockets;
pub(crate) use port_holder::{ForeignPort, Listener, PortHolder};
use read_limits::ReadBudget;

/// A bridge that is bound to its port.
pub(crate) struct Server {
    listener: LoopbackListener,
    bridge: Arc<Bridge>,
    /// After so long without a connection, the bridge ends.
    end_when_idle: Option<Duration>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    #[error(
        "none of the ports {} to {} is free on 127.0.0.1; stop the programs that use them (another \
         bridge?), or choose another port with --listen",
        PORTS.start(), PORTS.end()
    )]
    NoFreePort,
    #[error(
        "cannot listen on {address}: {source}; stop the program that uses it, or choose another \
         address with --listen"
    )]
    Bind { address: SocketAddr, source: io::Error },
    #[error(
        "cannot use the sockets that the service manager passed: {problem}; correct ListenStream= \
         in the unit pkcs11-bridge.socket"
    )]
    PassedSockets { problem: String },
    #[error(transparent)]
    IdentityKey(#[from] KeyFileError),
}

impl Server {
    /// Listens where the settings say, or on sockets that a service manager passed.
    pub(crate) async fn bind(
        settings: Settings,
        passed: Option<PassedSockets>,
    ) -> Result<Self, ServeError> {
        if let Some(file) = &settings.state_file
            && file.prepare_folder().is_ok()
        {
            program::keep_children_private(file.folder());
        }
        // Without passed sockets, nothing starts the bridge again.
        let end_when_idle = settings.end_when_idle.filter(|_| passed.is_some());
        let listener = match (passed, settings.listen) {
            (Some(passed), _) => LoopbackListener::from_passed(passed)?,
            (None, Listen::FirstFree) => LoopbackListener::bind_first_free(PORTS).await?,
            (None, Listen::Address(address)) => LoopbackListener::bind(address).await?,
        };
        let endpoint = Endpoint {
            key: IdentityKey::for_bridge(settings.state_file.as_ref())?,
            port: listener.address().port(),
            skipped_ports: listener.skipped().iter().map(|foreign| foreign.port).collect(),
        };
        tracing::info!(fingerprint = endpoint.key.fingerprint(), "identity key");
        let bridge = Arc::new(Bridge::new(settings, endpoint));
        Ok(Self { listener, bridge, end_when_idle })
    }

    /// The fingerprint of the bridge's key.
    pub(crate) fn key_fingerprint(&self) -> String {
        self.bridge.key_fingerprint()
    }

    /// The ports that the bridge could not take, because programs of other users hold them.
    pub(crate) fn skipped_ports(&self) -> &[ForeignPort] {
        self.listener.skipped()
    }

    /// The address that the bridge listens on. A second one is [`std::net::Ipv6Addr::LOCALHOST`]
    /// with the same port.
    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Serves until `stop` is cancelled or the bridge is idle for too long, and then until all
    /// connections and workers have ended.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let bridge = Arc::clone(&self.bridge);
        tokio::select! {
            () = self.serve(stop) => {}
            () = bridge.watch_approvals() => {}
            () = bridge.watch_desktop_session() => {}
            () = bridge.record_time() => {}
        }
        tokio::join!(bridge.end_workers(), bridge.record_time_once());
    }

    async fn serve(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let admission = Arc::new(Admission::default());
        let budget = ReadBudget::default();
        let mut handshakes = VecDeque::<AbortHandle>::new();
        let port = self.address().port();
        let mut idle = Idle::new(self.end_when_idle);
        loop {
            let is_busy = || !tasks.is_empty() || self.bridge.is_needed();
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => break,
                () = idle.too_long(is_busy) => {
                    tracing::info!("ending, because no page is connected");
                    break;
                }
            };
            idle.interrupt();
            let socket = match accepted {
                Ok((socket, _)) => socket,
                Err(error) => {
                    // Usually the bridge has no free file descriptor. Wait for other connections.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // A program that opens many silent sockets replaces its own oldest ones here. Other
            // programs finish their handshakes before that.
            handshakes.retain(|handshake| !handshake.is_finished());
            if handshakes.len() >= MAX_HANDSHAKES
                && let Some(oldest) = handshakes.pop_front()
            {
                oldest.abort();
            }
            let (bridge, admission) = (Arc::clone(&self.bridge), Arc::clone(&admission));
            let (tracker, stop, budget) = (tasks.clone(), stop.clone(), budget.clone());
            let handshake = tasks.spawn(async move {
                let upgraded =
                    timeout(HANDSHAKE_DEADLINE, handshake::upgrade(socket, port, budget));
                let upgraded = tokio::select! {
                    upgraded = upgraded => upgraded,
                    () = stop.cancelled() => return,
                };
                if let Ok(Some(upgraded)) = upgraded {
                    tracker.spawn(serve(upgraded, bridge, admission, stop));
                }
            });
            handshakes.push_back(handshake.abort_handle());
            // Let this connection and the others run before the next one is accepted.
            tokio::task::yield_now().await;
        }
        drop(self.listener);
        self.bridge.close_dialogs();
        tasks.close();
        tasks.wait().await;
    }
}

/// Serves a connection after its handshake, or refuses it if there are too many.
async fn serve(
    (socket, origin): handshake::Upgraded,
    bridge: Arc<Bridge>,
    admission: Arc<Admission>,
    stop: CancellationToken,
) {
    let permit = tokio::select! {
        permit = admission.permit(&origin, bridge.approval(&origin)) => permit,
        () = stop.cancelled() => None,
    };
    match permit {
        Some(permit) => Connection::new(socket, bridge, origin, permit).run(stop).await,
        None => {
            // Closing takes a moment. Limit how many connections do so at the same time, because a
            // page may connect again and again.
            if let Some(_permit) = admission.permit_close() {
                connection::close_too_many(socket).await;
            }
        }
    }
}

const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(HANDSHAKE_SECONDS);
const MAX_HANDSHAKES: usize = 128;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
