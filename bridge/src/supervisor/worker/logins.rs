//! The logins of a worker: which keys of a slot a PIN has opened, since when, and until when. The
//! token knows only one login for all its keys. Reading keeps no login alive: a page may ask for
//! its slots every second.

mod login_times;
mod slot_login;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::time::Instant;

use super::login_terms::LoginTerms;
use crate::certificate::fingerprint::Fingerprint;
use crate::ipc::message::Outcome;
use crate::ipc::pin::{PinReason, PinUse};
pub(super) use login_times::LoginLimits;
use slot_login::SlotLogin;

pub(super) struct Logins {
    slots: HashMap<SlotId, SlotLogin>,
    limits: LoginLimits,
}

/// A login that is open for a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenLogin {
    pub(super) slot: SlotId,
    pub(super) certificate: Fingerprint,
    pub(super) name: Arc<str>,
    /// The signatures that were made with it.
    pub(super) signatures: u32,
    pub(super) longest: Duration,
}

impl Logins {
    pub(super) fn new(limits: LoginLimits) -> Self {
        Self { slots: HashMap::new(), limits }
    }

    /// Whether no slot can be logged in.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether a PIN has opened a key that is still open.
    pub(super) fn any_open(&self) -> bool {
        self.any_open_beside(None)
    }

    /// The same for all slots but this one.
    pub(super) fn any_open_beside(&self, slot: Option<SlotId>) -> bool {
        let mut others = self.slots.iter().filter(|(known, _)| slot != Some(**known));
        others.any(|(_, login)| login.is_open())
    }

    /// Whether a task that brings no PIN may use the login of the worker.
    pub(super) fn may_use(&self, slot: SlotId, terms: &LoginTerms) -> bool {
        self.slots.get(&slot).is_some_and(|login| login.is_open_for(terms))
    }

    /// A task begins that may log in to the slot.
    pub(super) fn begin(&mut self, slot: SlotId) {
        let limits = self.limits;
        self.slots.entry(slot).or_insert_with(|| SlotLogin::new(limits)).tasks += 1;
    }

    /// A task that [`Logins::begin`] announced has ended. `was_open` says whether the login was
    /// open for the task when it began.
    pub(super) fn end(
        &mut self,
        slot: SlotId,
        terms: &LoginTerms,
        was_open: bool,
        outcome: &Outcome,
        pin: PinUse,
    ) {
        let Some(login) = self.slots.get_mut(&slot) else { return };
        login.tasks = login.tasks.saturating_sub(1);
        login.may_be_logged_in |= pin == PinUse::Accepted || may_leave_login(outcome);
        match pin {
            PinUse::Accepted | PinUse::Matched => login.open(terms, self.limits),
            PinUse::NotAccepted | PinUse::NotSent => {}
        }
        match outcome {
            Outcome::Done(_) => login.use_now(terms),
            // The worker has logged out, so that the token could judge the PIN.
            Outcome::PinRefused(refusal) if refusal.reason == PinReason::Login => login.close(),
            // The worker has lost the login, with the token for example.
            Outcome::PinNeeded(request) if was_open && request.reason == PinReason::Login => {
                login.close();
            }
            _ => {}
        }
        if login.tasks == 0 && !login.may_be_logged_in {
            self.slots.remove(&slot);
        }
    }

    /// A signature was made with the key of this certificate.
    pub(super) fn count_signature(&mut self, slot: SlotId, terms: &LoginTerms) {
        let (login, certificate) = (self.slots.get_mut(&slot), terms.certificate.as_ref());
        let opened = login.zip(certificate);
        if let Some(opened) = opened.and_then(|(login, key)| login.certificates.get_mut(key)) {
            opened.signatures = opened.signatures.saturating_add(1);
        }
    }

    /// The worker has logged out of a slot, or of all slots.
    pub(super) fn remove(&mut self, slot: Option<SlotId>) {
        self.close(slot);
        self.slots
            .retain(|known, login| login.tasks > 0 || slot.is_some_and(|slot| slot != *known));
    }

    /// Closes the logins of a slot, or of all slots, for all tasks to come.
    pub(super) fn close(&mut self, slot: Option<SlotId>) {
        let named = |known: &SlotId| slot.is_none_or(|slot| slot == *known);
        self.slots
            .iter_mut()
            .filter(|(known, _)| named(known))
            .for_each(|(_, login)| login.close());
    }

    /// The certificates that the logins are open for.
    pub(super) fn open_logins(&self) -> impl Iterator<Item = OpenLogin> {
        self.slots.iter().flat_map(|(slot, login)| {
            login.certificates.iter().map(|(certificate, opened)| OpenLogin {
                slot: *slot,
                certificate: *certificate,
                name: Arc::clone(&opened.name),
                signatures: opened.signatures,
                longest: opened.times.limits.longest,
            })
        })
    }

    /// When the first login expires.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.slots.values().filter_map(SlotLogin::next_expiry).min()
    }

    /// Closes the logins that have expired. Returns the slots that the worker is to log out of.
    pub(super) fn take_expired(&mut self) -> Vec<SlotId> {
        self.slots.values_mut().for_each(SlotLogin::close_expired);
        let over = self.slots.iter().filter(|(_, login)| login.tasks == 0 && login.is_over());
        let over: Vec<_> = over.map(|(slot, _)| *slot).collect();
        for slot in &over {
            self.slots.remove(slot);
        }
        over
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
    use crate::ipc::pin::{PinRefusal, TriesLeft};
    use crate::supervisor::worker::login_terms::BatchId;

    const MINUTE: Duration = Duration::from_secs(60);
    const LIMITS: LoginLimits =
        LoginLimits { idle: Duration::from_secs(300), longest: Duration::from_secs(1800) };
    const SLOT: SlotId = SlotId(1);

    fn terms(certificate: &str) -> LoginTerms {
        LoginTerms {
            certificate: Some(Fingerprint::of(certificate.as_bytes())),
            name: certificate.into(),
            batch: None,
            opens_for: Some(LIMITS.longest),
        }
    }

    /// Terms of a key that asks for each signature or batch.
    fn each(certificate: &str, batch: Option<u64>) -> LoginTerms {
        LoginTerms { opens_for: None, batch: batch.map(BatchId), ..terms(certificate) }
    }

    fn signed() -> Outcome {
        Outcome::Done(serde_json::value::to_raw_value("signature").unwrap())
    }

    fn failed(code: ErrorCode) -> Outcome {
        Outcome::Failed(Failure::new(code, "It failed."))
    }

    fn refused(reason: PinReason) -> Outcome {
        let failure = Failure::new(ErrorCode::PinIncorrect, "It is wrong.");
        let (token_label, tries) = ("card".to_owned(), TriesLeft::Low);
        Outcome::PinRefused(PinRefusal { failure, token_label, tries, reason })
    }

    fn sign(logins: &mut Logins, terms: &LoginTerms, pin: PinUse) {
        logins.begin(SLOT);
        logins.end(SLOT, terms, false, &signed(), pin);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pin_opens_its_own_certificate() {
        let mut logins = Logins::new(LIMITS);
        let (a, b) = (terms("a"), terms("b"));
        assert!(!logins.may_use(SLOT, &a));
        sign(&mut logins, &a, PinUse::Accepted);
        assert!(logins.may_use(SLOT, &a) && !logins.may_use(SLOT, &b));
        assert!(!logins.may_use(SlotId(2), &a));
        sign(&mut logins, &b, PinUse::Matched);
        assert!(logins.may_use(SLOT, &a) && logins.may_use(SLOT, &b));
        logins.begin(SLOT);
        logins.end(SLOT, &b, true, &refused(PinReason::Signature), PinUse::NotAccepted);
        assert!(logins.may_use(SLOT, &a) && logins.may_use(SLOT, &b), "the login stays");
        logins.begin(SLOT);
        logins.end(SLOT, &b, true, &refused(PinReason::Login), PinUse::NotAccepted);
        assert!(!logins.may_use(SLOT, &a) && !logins.may_use(SLOT, &b), "the worker logged out");
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_to_read_opens_no_key_and_is_not_kept_alive() {
        let mut logins = Logins::new(LIMITS);
        let reading = LoginTerms { certificate: None, ..each("", Some(1)) };
        sign(&mut logins, &reading, PinUse::Accepted);
        assert!(!logins.may_use(SLOT, &terms("")) && !logins.may_use(SLOT, &each("", None)));
        // The call that the PIN was for goes on.
        assert!(logins.may_use(SLOT, &each("a", Some(1))));
        assert!(!logins.may_use(SLOT, &each("a", Some(2))));
        for _ in 0..4 {
            advance(MINUTE).await;
            sign(&mut logins, &reading, PinUse::NotSent);
        }
        advance(MINUTE).await;
        assert_eq!(logins.take_expired(), [SLOT]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_asks_each_time_is_open_for_its_batch_only() {
        let mut logins = Logins::new(LIMITS);
        sign(&mut logins, &each("a", None), PinUse::Accepted);
        assert!(!logins.may_use(SLOT, &each("a", None)));
        sign(&mut logins, &each("a", Some(1)), PinUse::Accepted);
        assert!(logins.may_use(SLOT, &each("a", Some(1))));
        assert!(!logins.may_use(SLOT, &each("a", Some(2))) && !logins.may_use(SLOT, &terms("a")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_ends_when_no_signature_uses_it() {
        let mut logins = Logins::new(LIMITS);
        let a = terms("a");
        sign(&mut logins, &a, PinUse::Accepted);
        for _ in 0..2 {
            advance(4 * MINUTE).await;
            assert_eq!(logins.take_expired(), []);
            sign(&mut logins, &a, PinUse::NotSent);
        }
        // A signature that fails does not use it.
        advance(4 * MINUTE).await;
        logins.begin(SLOT);
        logins.end(SLOT, &a, true, &failed(ErrorCode::Internal), PinUse::NotSent);
        assert_eq!(logins.next_expiry(), Some(Instant::now() + MINUTE));
        advance(MINUTE).await;
        assert!(!logins.may_use(SLOT, &a));
        assert_eq!(logins.take_expired(), [SLOT]);
        assert!(logins.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_that_is_used_all_the_time_ends_too() {
        let mut logins = Logins::new(LIMITS);
        let a = terms("a");
        sign(&mut logins, &a, PinUse::Accepted);
        // A task runs at any time.
        logins.begin(SLOT);
        for _ in 0..7 {
            advance(4 * MINUTE).await;
            assert!(logins.may_use(SLOT, &a));
            sign(&mut logins, &a, PinUse::NotSent);
        }
        assert_eq!(logins.next_expiry(), Some(Instant::now() + 2 * MINUTE));
        advance(2 * MINUTE).await;
        assert!(!logins.may_use(SLOT, &a));
        assert_eq!(logins.take_expired(), [], "a task may be logging in");
        logins.end(SLOT, &a, true, &signed(), PinUse::NotSent);
        assert_eq!(logins.next_expiry(), Some(Instant::now()));
        assert_eq!(logins.take_expired(), [SLOT]);
    }

    #[tokio::test(start_paused = true)]
    async fn each_certificate_has_its_own_times() {
        let mut logins = Logins::new(LIMITS);
        let (a, short) = (terms("a"), LoginTerms { opens_for: Some(MINUTE), ..terms("b") });
        sign(&mut logins, &short, PinUse::Accepted);
        sign(&mut logins, &a, PinUse::Matched);
        advance(MINUTE).await;
        assert_eq!(logins.take_expired(), [], "another certificate is open");
        assert!(logins.may_use(SLOT, &a) && !logins.may_use(SLOT, &short));
    }

    #[tokio::test(start_paused = true)]
    async fn the_token_is_logged_out_with_its_last_certificate() {
        let mut logins = Logins::new(LIMITS);
        let short = LoginTerms { opens_for: Some(MINUTE), ..terms("b") };
        sign(&mut logins, &short, PinUse::Accepted);
        advance(MINUTE).await;
        assert_eq!(logins.take_expired(), [SLOT]);
    }

    #[tokio::test(start_paused = true)]
    async fn signatures_are_counted_until_the_login_ends() {
        let mut logins = Logins::new(LIMITS);
        let a = terms("a");
        let counts = |logins: &Logins| {
            logins.open_logins().map(|login| login.signatures).collect::<Vec<_>>()
        };
        logins.count_signature(SLOT, &a);
        assert_eq!(counts(&logins), [0; 0]);
        for pin in [PinUse::Accepted, PinUse::NotSent, PinUse::Matched] {
            sign(&mut logins, &a, pin);
            logins.count_signature(SLOT, &a);
        }
        assert_eq!(counts(&logins), [3]);
        logins.close(None);
        assert_eq!(counts(&logins), [0; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_task_that_may_have_logged_in_leaves_a_login() {
        let mut logins = Logins::new(LIMITS);
        let a = terms("a");
        for outcome in [Outcome::LoggingIn, failed(ErrorCode::NoSlot)] {
            logins.begin(SLOT);
            assert!(!logins.is_empty());
            logins.end(SLOT, &a, true, &outcome, PinUse::NotSent);
            assert!(logins.is_empty());
        }
        for outcome in [signed(), failed(ErrorCode::PinIncorrect)] {
            logins.begin(SLOT);
            logins.end(SLOT, &a, true, &outcome, PinUse::NotSent);
            assert!(logins.next_expiry().is_some());
            logins.remove(Some(SLOT));
            assert!(logins.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_logout_ends_only_the_logins_that_it_names_and_no_task_uses() {
        let mut logins = Logins::new(LIMITS);
        let a = terms("a");
        for slot in [SLOT, SlotId(2)] {
            logins.begin(slot);
            logins.end(slot, &a, true, &signed(), PinUse::Accepted);
        }
        logins.remove(Some(SLOT));
        assert!(!logins.may_use(SLOT, &a) && logins.may_use(SlotId(2), &a));
        logins.begin(SLOT);
        logins.remove(None);
        assert!(!logins.is_empty() && !logins.may_use(SlotId(2), &a));
        logins.end(SLOT, &a, true, &signed(), PinUse::NotSent);
        logins.remove(None);
        assert!(logins.is_empty());
    }
}
