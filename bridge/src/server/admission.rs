//! How many connections there may be. Those of origins that nobody approved can be opened by any page,
//! so that they have a small share and cannot shut out the others, and no such origin has all of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use pkcs11_bridge_protocol::{
    MAX_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::access::origin::{Approval, RequestOrigin};
use crate::process::lock::lock;

pub(super) struct Admission {
    all: Arc<Semaphore>,
    goodbyes: Arc<Semaphore>,
    unapproved: Arc<Semaphore>,
    origins: Mutex<HashMap<RequestOrigin, Weak<Semaphore>>>,
}

/// The right to a connection, given back when dropped.
pub(super) struct ConnectionPermit {
    _of_all: OwnedSemaphorePermit,
    of_unapproved: Option<[OwnedSemaphorePermit; 2]>,
}

impl ConnectionPermit {
    /// Whether it counts as one of an origin that is not approved.
    pub(super) fn is_of_unapproved(&self) -> bool {
        self.of_unapproved.is_some()
    }

    /// The origin has been approved since.
    pub(super) fn approved(&mut self) {
        self.of_unapproved = None;
    }
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            goodbyes: Arc::new(Semaphore::new(MAX_GOODBYES)),
            unapproved: Arc::new(Semaphore::new(MAX_UNAPPROVED_CONNECTIONS)),
            origins: Mutex::default(),
        }
    }
}

impl Admission {
    /// A place, where there is one for an origin of that standing.
    pub(super) fn take(
        &self,
        origin: &RequestOrigin,
        approval: Approval,
    ) -> Option<ConnectionPermit> {
        let of_unapproved = match approval {
            Approval::Approved => None,
            Approval::NotApproved => Some([
                self.of_origin(origin).try_acquire_owned().ok()?,
                Arc::clone(&self.unapproved).try_acquire_owned().ok()?,
            ]),
        };
        let _of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(ConnectionPermit { _of_all, of_unapproved })
    }

    /// A place in which a peer is told that there is none.
    pub(super) fn take_for_goodbye(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.goodbyes).try_acquire_owned().ok()
    }

    fn of_origin(&self, origin: &RequestOrigin) -> Arc<Semaphore> {
        let mut origins = lock(&self.origins);
        origins.retain(|_, places| places.strong_count() > 0);
        origins.get(origin).and_then(Weak::upgrade).unwrap_or_else(|| {
            let places = Arc::new(Semaphore::new(MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN));
            origins.insert(origin.clone(), Arc::downgrade(&places));
            places
        })
    }
}

const MAX_GOODBYES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(number: usize) -> RequestOrigin {
        RequestOrigin::from_header(&format!("https://{number}.example")).unwrap()
    }

    #[test]
    fn origins_that_are_not_approved_leave_room_for_the_others() {
        let places = Admission::default();
        let take = |approval| -> Vec<_> {
            (0..MAX_CONNECTIONS)
                .filter_map(|number| places.take(&origin(number), approval))
                .collect()
        };
        let unapproved = take(Approval::NotApproved);
        assert_eq!(unapproved.len(), MAX_UNAPPROVED_CONNECTIONS);
        let approved = take(Approval::Approved);
        assert_eq!(approved.len(), MAX_CONNECTIONS - MAX_UNAPPROVED_CONNECTIONS);
        drop(unapproved);
        assert!(places.take(&origin(0), Approval::Approved).is_some());
    }

    #[test]
    fn an_origin_that_is_not_approved_leaves_room_for_others_like_it() {
        let places = Admission::default();
        let take = |number| places.take(&origin(number), Approval::NotApproved);
        let mut taken: Vec<_> = (0..MAX_CONNECTIONS).filter_map(|_| take(1)).collect();
        assert_eq!(taken.len(), MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN);
        assert!(take(2).is_some());
        taken[0].approved();
        assert!(take(1).is_some() && taken.len() == MAX_UNAPPROVED_CONNECTIONS_PER_ORIGIN);
    }
}
