//! How many connections the bridge serves.
//!
//! Any page can open connections, even if its origin is not approved. Such connections have a small
//! share of their own, so that they cannot block approved origins. No single origin can use all of
//! that share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use pkcs11_bridge_protocol::{
    MAX_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::access::origin::{Approval, RequestOrigin};
use crate::process::lock::lock;

/// Gives out permits for connections.
pub(super) struct Admission {
    all: Arc<Semaphore>,
    closing: Arc<Semaphore>,
    unapproved: Arc<Semaphore>,
    unapproved_by_origin: Mutex<HashMap<RequestOrigin, Weak<Semaphore>>>,
}

/// The permit for one connection. Dropping it returns the permit.
pub(super) struct ConnectionPermit {
    _connection: OwnedSemaphorePermit,
    /// Held until the origin is approved.
    unapproved: Option<[OwnedSemaphorePermit; 2]>,
}

impl ConnectionPermit {
    /// Whether the permit counts as one for an origin that is not approved.
    pub(super) fn is_unapproved(&self) -> bool {
        self.unapproved.is_some()
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
        }
    }
}

impl Admission {
    /// A permit for a connection of the origin; `None` if there are too many connections.
    pub(super) fn permit(
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
        let connection = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(ConnectionPermit { _connection: connection, unapproved })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: usize) -> RequestOrigin {
        RequestOrigin::from_header(&format!("https://{number}.example")).unwrap()
    }

    #[test]
    fn unapproved_origins_cannot_block_approved_ones() {
        let admission = Admission::default();
        let take = |approval| -> Vec<_> {
            (0..MAX_CONNECTIONS)
                .filter_map(|number| admission.permit(&origin(number), approval))
                .collect()
        };
        let unapproved = take(Approval::NotApproved);
        assert_eq!(unapproved.len(), MAX_UNAPPROVED_CONNECTIONS);
        let approved = take(Approval::Approved);
        assert_eq!(approved.len(), MAX_CONNECTIONS - MAX_UNAPPROVED_CONNECTIONS);
        drop(unapproved);
        assert!(admission.permit(&origin(0), Approval::Approved).is_some());
    }

    #[test]
    fn an_unapproved_origin_cannot_block_other_unapproved_origins() {
        let admission = Admission::default();
        let take = |number| admission.permit(&origin(number), Approval::NotApproved);
        let mut taken: Vec<_> = (0..MAX_CONNECTIONS).filter_map(|_| take(1)).collect();
        assert_eq!(taken.len(), MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN);
        assert!(take(2).is_some());
        taken[0].approve();
        assert!(take(1).is_some() && taken.len() == MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN);
    }
}
