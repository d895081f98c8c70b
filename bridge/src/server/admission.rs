//! How many connections the bridge serves.
//!
//! Any page can open connections, even if its origin is not approved. Such connections have a small
//! share of their own, so that they cannot block approved origins. No single origin can use all of
//! that share. An approved origin may hold many connections, but gives way when another one waits.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use pkcs11_bridge_protocol::{
    CONNECTION_SHARE, MAX_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS,
    MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::access::origin::{Approval, RequestOrigin};
use crate::process::lock::lock;

/// Gives out permits for connections.
pub(super) struct Admission {
    all: Arc<Semaphore>,
    closing: Arc<Semaphore>,
    unapproved: Arc<Semaphore>,
    unapproved_by_origin: Mutex<HashMap<RequestOrigin, Weak<Semaphore>>>,
    /// The connections of each origin, in the order of their beginning.
    connections: Mutex<HashMap<RequestOrigin, Vec<Weak<Holder>>>>,
    waiting: Arc<Semaphore>,
}

/// A connection that holds a permit.
#[derive(Default)]
struct Holder {
    displaced: CancellationToken,
    /// Whether the connection has calls in flight.
    is_busy: AtomicBool,
}

/// The permit for one connection. Dropping it returns the permit.
pub(super) struct ConnectionPermit {
    // Dropped before the permit, so that what counts as held is held.
    holder: Arc<Holder>,
    _connection: OwnedSemaphorePermit,
    /// Held until the origin is approved.
    unapproved: Option<[OwnedSemaphorePermit; 2]>,
}

impl ConnectionPermit {
    /// Whether the permit counts as one for an origin that is not approved.
    pub(super) fn is_unapproved(&self) -> bool {
        self.unapproved.is_some()
    }

    /// Cancelled when the connection must make room for one of another origin.
    pub(super) fn displaced(&self) -> CancellationToken {
        self.holder.displaced.clone()
    }

    /// Says whether the connection has calls in flight. An idle one makes room first.
    pub(super) fn set_busy(&self, is_busy: bool) {
        self.holder.is_busy.store(is_busy, Ordering::Relaxed);
    }

    /// Converts the permit to one for an approved origin.
    pub(super) fn approve(&mut self) {
        self.unapproved = None;
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            closing: Arc::new(Semaphore::new(MAX_CLOSING)),
            unapproved: Arc::new(Semaphore::new(MAX_UNAPPROVED_CONNECTIONS)),
            unapproved_by_origin: Mutex::default(),
            connections: Mutex::default(),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
        }
    }
}

impl Admission {
    /// A permit for a connection of the origin; `None` if there are too many connections. If
    /// another origin holds more than its share, waits until one of its connections has closed.
    pub(super) async fn permit(
        &self,
        origin: &RequestOrigin,
        approval: Approval,
    ) -> Option<ConnectionPermit> {
        let unapproved = match approval {
            Approval::Approved => None,
            Approval::NotApproved => Some([
                self.unapproved_of(origin).try_acquire_owned().ok()?,
                Arc::clone(&self.unapproved).try_acquire_owned().ok()?,
            ]),
        };
        let connection = match Arc::clone(&self.all).try_acquire_owned() {
            Ok(connection) => connection,
            Err(_) => {
                let _waiting = Arc::clone(&self.waiting).try_acquire_owned().ok()?;
                self.make_room_for(origin)?;
                let permit = Arc::clone(&self.all).acquire_owned();
                timeout(MAX_WAIT, permit).await.ok()?.ok()?
            }
        };
        let holder = self.hold(origin);
        Some(ConnectionPermit { holder, _connection: connection, unapproved })
    }

    fn hold(&self, origin: &RequestOrigin) -> Arc<Holder> {
        let holder = Arc::<Holder>::default();
        let mut connections = lock(&self.connections);
        connections.retain(|_, holders| {
            holders.retain(|holder| holder.strong_count() > 0);
            !holders.is_empty()
        });
        connections.entry(origin.clone()).or_default().push(Arc::downgrade(&holder));
        holder
    }

    /// Displaces a connection of the origin with the most connections, the newest idle one if there
    /// is any. `None` if no origin holds more than its share, or if this origin has its share.
    fn make_room_for(&self, origin: &RequestOrigin) -> Option<()> {
        let connections = lock(&self.connections);
        let live = |holders: &Vec<Weak<Holder>>| -> Vec<Arc<Holder>> {
            let holders = holders.iter().filter_map(Weak::upgrade);
            holders.filter(|holder| !holder.displaced.is_cancelled()).collect()
        };
        let own = connections.get(origin).map_or(0, |holders| live(holders).len());
        let others = connections.iter().filter(|(other, _)| *other != origin);
        let largest = others.map(|(_, holders)| live(holders)).max_by_key(Vec::len)?;
        if own >= CONNECTION_SHARE || largest.len() <= CONNECTION_SHARE {
            return None;
        }
        let is_idle = |holder: &&Arc<Holder>| !holder.is_busy.load(Ordering::Relaxed);
        let displaced = largest.iter().rev().find(is_idle).or(largest.last())?;
        displaced.displaced.cancel();
        Some(())
    }

    /// A permit to close a connection properly that got no permit; `None` if too many do so now.
    pub(super) fn permit_close(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.closing).try_acquire_owned().ok()
    }

    fn unapproved_of(&self, origin: &RequestOrigin) -> Arc<Semaphore> {
        let mut origins = lock(&self.unapproved_by_origin);
        origins.retain(|_, permits| permits.strong_count() > 0);
        origins.get(origin).and_then(Weak::upgrade).unwrap_or_else(|| {
            let permits = Arc::new(Semaphore::new(MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN));
            origins.insert(origin.clone(), Arc::downgrade(&permits));
            permits
        })
    }
}

const MAX_CLOSING: usize = 64;
/// The connections that wait until another one has closed.
const MAX_WAITING: usize = 16;
/// A displaced connection answers its calls in flight first.
const MAX_WAIT: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: usize) -> RequestOrigin {
        RequestOrigin::from_header(&format!("https://{number}.example")).unwrap()
    }

    #[tokio::test]
    async fn unapproved_origins_cannot_block_approved_ones() {
        let admission = Admission::default();
        let take = async |approval| {
            let mut taken = Vec::new();
            for number in 0..MAX_CONNECTIONS {
                taken.extend(admission.permit(&origin(number), approval).await);
            }
            taken
        };
        let unapproved = take(Approval::NotApproved).await;
        assert_eq!(unapproved.len(), MAX_UNAPPROVED_CONNECTIONS);
        let approved = take(Approval::Approved).await;
        assert_eq!(approved.len(), MAX_CONNECTIONS - MAX_UNAPPROVED_CONNECTIONS);
        drop(unapproved);
        assert!(admission.permit(&origin(0), Approval::Approved).await.is_some());
    }

    #[tokio::test]
    async fn an_unapproved_origin_cannot_block_other_unapproved_origins() {
        let admission = Admission::default();
        let take = async |number| admission.permit(&origin(number), Approval::NotApproved).await;
        let mut taken = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            taken.extend(take(1).await);
        }
        assert_eq!(taken.len(), MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN);
        assert!(take(2).await.is_some());
        taken[0].approve();
        assert!(take(1).await.is_some() && taken.len() == MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN);
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_gives_way_until_it_has_its_share() {
        let admission = Arc::new(Admission::default());
        let take = async |number| admission.permit(&origin(number), Approval::Approved).await;
        let mut greedy = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            greedy.extend(take(1).await);
        }
        assert_eq!(greedy.len(), MAX_CONNECTIONS);
        assert!(take(1).await.is_none(), "it does not give way to itself");
        for connection in &greedy[2..] {
            connection.set_busy(true);
        }
        let mut others = Vec::new();
        for number in 2.. {
            // Closes a connection as soon as it is displaced.
            let displaced: Vec<_> = greedy.iter().map(ConnectionPermit::displaced).collect();
            let close = async {
                let any = displaced.iter().map(|displaced| Box::pin(displaced.cancelled()));
                let (_, index, _) = futures_util::future::select_all(any).await;
                drop(greedy.remove(index));
                index
            };
            // The origin gives way no more if nothing is displaced.
            let both = async { tokio::join!(take(number / 8 + 2), close) };
            let Ok((other, index)) = timeout(MAX_WAIT * 2, both).await else { break };
            // The idle ones go first.
            assert!(number != 2 || index == 1, "{index}");
            others.push(other.unwrap());
        }
        assert_eq!(greedy.len(), CONNECTION_SHARE);
        assert_eq!(others.len(), MAX_CONNECTIONS - CONNECTION_SHARE);
    }
}
