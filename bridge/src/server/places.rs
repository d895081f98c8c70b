//! How many connections there may be. Those of origins that nobody approved can be opened by any page,
//! so that they have a small share and cannot shut out the others.

use std::sync::Arc;

use pkcs11_bridge_protocol::{MAX_CONNECTIONS, MAX_UNAPPROVED_CONNECTIONS};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::origin::Approval;

pub(super) struct Places {
    all: Arc<Semaphore>,
    unapproved: Arc<Semaphore>,
}

/// The right to a connection, given back when dropped.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    of_unapproved: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Whether it counts as one of an origin that is not approved.
    pub(super) fn is_of_unapproved(&self) -> bool {
        self.of_unapproved.is_some()
    }

    /// The origin has been approved since.
    pub(super) fn approved(&mut self) {
        self.of_unapproved = None;
    }
}

impl Default for Places {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            unapproved: Arc::new(Semaphore::new(MAX_UNAPPROVED_CONNECTIONS)),
        }
    }
}

impl Places {
    /// A place, where there is one for an origin of that standing.
    pub(super) fn take(&self, approval: Approval) -> Option<Place> {
        let of_unapproved = match approval {
            Approval::Approved => None,
            Approval::NotApproved => Some(Arc::clone(&self.unapproved).try_acquire_owned().ok()?),
        };
        let _of_all = Arc::clone(&self.all).try_acquire_owned().ok()?;
        Some(Place { _of_all, of_unapproved })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_that_are_not_approved_leave_room_for_the_others() {
        let places = Places::default();
        let take = |approval, count: usize| -> Vec<_> {
            (0..count).map_while(|_| places.take(approval)).collect()
        };
        let unapproved = take(Approval::NotApproved, MAX_CONNECTIONS);
        assert_eq!(unapproved.len(), MAX_UNAPPROVED_CONNECTIONS);
        let approved = take(Approval::Approved, MAX_CONNECTIONS);
        assert_eq!(approved.len(), MAX_CONNECTIONS - MAX_UNAPPROVED_CONNECTIONS);
        drop(unapproved);
        assert!(places.take(Approval::Approved).is_some());
    }
}
