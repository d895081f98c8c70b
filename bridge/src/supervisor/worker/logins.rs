//! The slots of a worker that may be logged in. A login that no signature uses for a while is to be
//! ended. Reading does not keep a login alive: a page may ask for its slots every second.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::time::Instant;

use crate::ipc::message::Outcome;

pub(super) struct Logins {
    slots: HashMap<SlotId, LoginUse>,
    /// How long a login stays that no signature uses.
    idle_limit: Duration,
}

struct LoginUse {
    /// When a signature used the login last, or when the first task began that may have logged in.
    last: Instant,
    /// The tasks that may use the login now.
    tasks: usize,
    /// Whether a task that ended may have left a login.
    may_be_logged_in: bool,
}

impl Logins {
    pub(super) fn new(idle_limit: Duration) -> Self {
        Self { slots: HashMap::new(), idle_limit }
    }

    /// Whether no slot can be logged in.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// A task begins that may log in to the slot.
    pub(super) fn begin(&mut self, slot: SlotId) {
        let new = || LoginUse { last: Instant::now(), tasks: 0, may_be_logged_in: false };
        self.slots.entry(slot).or_insert_with(new).tasks += 1;
    }

    /// A task that [`Logins::begin`] announced has ended. Returns when the login expires, if that
    /// is known now.
    pub(super) fn end(&mut self, slot: SlotId, outcome: &Outcome) -> Option<Instant> {
        let Entry::Occupied(mut entry) = self.slots.entry(slot) else { return None };
        let login = entry.get_mut();
        login.tasks = login.tasks.saturating_sub(1);
        login.may_be_logged_in |= may_leave_login(outcome);
        if let Outcome::Done(_) = outcome {
            login.last = Instant::now();
        }
        if login.tasks > 0 {
            return None;
        }
        let expiry = login.last + self.idle_limit;
        if login.may_be_logged_in {
            return Some(expiry);
        }
        entry.remove();
        None
    }

    /// The worker has logged out of a slot, or of all slots.
    pub(super) fn remove(&mut self, slot: Option<SlotId>) {
        self.slots
            .retain(|known, login| login.tasks > 0 || slot.is_some_and(|slot| slot != *known));
    }

    /// When the first login expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.first_to_expire().map(|(_, expiry)| expiry)
    }

    /// Removes a login that has expired.
    pub(super) fn take_expired(&mut self) -> Option<SlotId> {
        let (slot, _) = self.first_to_expire().filter(|(_, expiry)| *expiry <= Instant::now())?;
        self.slots.remove(&slot);
        Some(slot)
    }

    fn first_to_expire(&self) -> Option<(SlotId, Instant)> {
        let unused = self.slots.iter().filter(|(_, login)| login.tasks == 0);
        let expiries = unused.map(|(slot, login)| (*slot, login.last + self.idle_limit));
        expiries.min_by_key(|(_, expiry)| *expiry)
    }
}

/// Whether the slot may be logged in after a task with this outcome.
fn may_leave_login(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::PinNeeded(_) | Outcome::LoggingIn => false,
        // A page can name any number of slots that the module does not have.
        Outcome::Failed(failure) => failure.code != ErrorCode::NoSlot,
        Outcome::Done(_) | Outcome::PinRefused(_) | Outcome::ModuleLost(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use pkcs11_bridge_protocol::failure::Failure;
    use tokio::time::advance;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(300);
    const SLOT: SlotId = SlotId(1);

    fn signed() -> Outcome {
        Outcome::Done(serde_json::value::to_raw_value("signature").unwrap())
    }

    fn failed(code: ErrorCode) -> Outcome {
        Outcome::Failed(Failure::new(code, "It failed."))
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_expires_after_the_last_signature() {
        let mut logins = Logins::new(LIMIT);
        for _ in 0..2 {
            logins.begin(SLOT);
            assert_eq!(logins.next_expiry(), None, "a task uses it");
            advance(LIMIT).await;
            assert_eq!(logins.end(SLOT, &signed()), Some(Instant::now() + LIMIT));
            advance(LIMIT / 2).await;
            assert_eq!(logins.take_expired(), None);
        }
        advance(LIMIT / 2).await;
        assert_eq!(logins.take_expired(), Some(SLOT));
        assert!(logins.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_signature_does_not_keep_the_login_alive() {
        let mut logins = Logins::new(LIMIT);
        let start = Instant::now();
        logins.begin(SLOT);
        logins.end(SLOT, &signed());
        advance(LIMIT / 2).await;
        logins.begin(SLOT);
        assert_eq!(logins.end(SLOT, &failed(ErrorCode::Internal)), Some(start + LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_task_that_may_have_logged_in_leaves_a_login() {
        let mut logins = Logins::new(LIMIT);
        for outcome in [Outcome::LoggingIn, failed(ErrorCode::NoSlot)] {
            logins.begin(SLOT);
            assert!(!logins.is_empty());
            assert_eq!(logins.end(SLOT, &outcome), None);
            assert!(logins.is_empty());
        }
        for outcome in [signed(), failed(ErrorCode::PinIncorrect)] {
            logins.begin(SLOT);
            assert!(logins.end(SLOT, &outcome).is_some());
            logins.remove(Some(SLOT));
            assert!(logins.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_logout_ends_only_the_logins_that_it_names_and_no_task_uses() {
        let mut logins = Logins::new(LIMIT);
        for slot in [SLOT, SlotId(2)] {
            logins.begin(slot);
            logins.end(slot, &signed());
        }
        logins.remove(Some(SLOT));
        assert!(!logins.is_empty());
        logins.begin(SLOT);
        logins.remove(None);
        assert!(!logins.is_empty());
        logins.end(SLOT, &signed());
        logins.remove(None);
        assert!(logins.is_empty());
    }
}
