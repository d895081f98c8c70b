//! Gets the PIN that a token wants. It comes from the reader's pinpad, from the user on the
//! desktop, or from the page's call. This module alone decides whether a PIN may be tried.
//!
//! An origin may try one PIN at a time. Each wrong PIN makes the next PIN of the page wait longer.

mod attempts;
mod by_user;
mod ledger;
mod messages;
mod origin_history;
mod policy;
pub mod tries;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::result::PinEntry as Policy;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{sleep_until, timeout};

use super::login_task::LoginTask;
use crate::access::consent::Consent;
use crate::access::origin::{Origin, RequestOrigin};
use crate::dialog::Dialogs;
use crate::ipc::message::{Outcome, login_ended};
use crate::ipc::pin::{PinEntryPath, PinPermission, PinRequest};
use crate::process::lock::lock;
use crate::process::private_file::PrivateFile;
use attempts::{Attempts, PinSource, Tried};
use origin_history::OriginHistory;
use tries::PinSlot;

/// What the PIN entry of all origins shares.
pub(crate) struct PinEntry {
    policy: Policy,
    dialogs: Arc<Dialogs>,
    consent: Arc<Consent>,
    /// What a PIN opens that logs in.
    origins: Mutex<HashMap<Origin, Arc<AsyncMutex<OriginHistory>>>>,
    attempts: Attempts,
}

/// The locked history of an origin. Only the call that holds it may try a PIN for the origin.
type HeldHistory = OwnedMutexGuard<OriginHistory>;

impl PinEntry {
    /// `tries` is the file with the tries of all tokens.
    pub(crate) fn new(
        policy: Policy,
        dialogs: Arc<Dialogs>,
        consent: Arc<Consent>,
        tries: Option<PrivateFile>,
    ) -> Self {
        let (origins, attempts) = (Mutex::default(), Attempts::new(tries));
        Self { policy, dialogs, consent, origins, attempts }
    }

    pub(super) fn dialogs(&self) -> &Dialogs {
        &self.dialogs
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// Executes a task, with a PIN if the token wants one.
    pub(super) async fn execute(&self, task: &LoginTask<'_>) -> Result<Box<RawValue>, Failure> {
        let page_pin = task.page_pin();
        if page_pin.is_some() && self.policy == Policy::Native {
            return Err(messages::not_from_page());
        }
        let history = self.history(task.context.origin);
        let turns_before = history.try_lock().ok().map(|history| history.turns());
        let mut first = match task.execute_without_pin().await? {
            Outcome::PinNeeded(request) => {
                policy::check(&request.token, page_pin)?;
                Some(request)
            }
            Outcome::LoggingIn => None,
            outcome => return outcome.result(),
        };
        let slot = task.token_slot();
        loop {
            let mut history = Arc::clone(&history).lock_owned().await;
            // If another call had its turn meanwhile, it may have logged in, or the token may have
            // refused the same PIN.
            let is_first = turns_before == Some(history.take_turn());
            let request = match first.take().filter(|_| is_first) {
                Some(request) => request,
                None => match task.execute_without_pin().await? {
                    Outcome::PinNeeded(request) => request,
                    outcome => return outcome.result(),
                },
            };
            policy::check(&request.token, page_pin)?;
            let page_pin = page_pin.filter(|_| request.token.entry == PinEntryPath::Software);
            let pause = match page_pin {
                Some(pin) => {
                    history.check_refused(&slot, pin, task.context.received)?;
                    self.attempts.check_page(&pin_slot(task, &request), &request.token.label)?;
                    history.page_pin_pause()
                }
                None => {
                    history.check_dismissed(&slot, task.context.received)?;
                    self.consent.check_pin_silence(task.context.origin)?;
                    history.question_pause()
                }
            };
            if let Some(end) = pause {
                // Calls that have nothing to wait for go first.
                drop(history);
                sleep_until(end).await;
                continue;
            }
            return match page_pin {
                Some(pin) => self.by_page(task, &request, pin, history).await,
                None => self.by_user(task, request, history).await,
            };
        }
    }

    fn history(&self, origin: &RequestOrigin) -> Arc<AsyncMutex<OriginHistory>> {
        let RequestOrigin::Tuple(origin) = origin else { return Arc::default() };
        let mut origins = lock(&self.origins);
        origins.retain(|_, history| {
            Arc::strong_count(history) > 1
                || history.try_lock().is_ok_and(|history| history.is_needed())
        });
        Arc::clone(origins.entry(origin.clone()).or_default())
    }

    /// Tries the PIN of the page.
    async fn by_page(
        &self,
        task: &LoginTask<'_>,
        request: &PinRequest,
        pin: &Pin,
        history: HeldHistory,
    ) -> Result<Box<RawValue>, Failure> {
        let (_, outcome) =
            self.attempt(task, request, pin.clone(), PinSource::Page, history).await?;
        match outcome? {
            Outcome::PinNeeded(now) => {
                policy::check(&now.token, Some(pin))?;
                Err(login_ended())
            }
            outcome => outcome.result(),
        }
    }

    /// Tries a PIN. The try goes on even if the page gives up the call, because that does not undo
    /// it. Until the token has judged the PIN, no other origin may try one on this token.
    async fn attempt(
        &self,
        task: &LoginTask<'_>,
        request: &PinRequest,
        pin: Pin,
        source: PinSource,
        history: HeldHistory,
    ) -> Result<(HeldHistory, Result<Outcome, Failure>), Failure> {
        let turn = self.attempts.turn(pin_slot(task, request), &request.token.label, source);
        let attempt = timeout(ATTEMPT_WAIT, turn).await.map_err(|_| messages::busy())?;
        let page_pin = task.page_pin().filter(|_| source == PinSource::Page).cloned();
        let permission =
            PinPermission::Send { pin, token: request.token.clone(), reason: request.reason };
        let (pin_task, slot) = (task.with_pin(permission).await?, task.token_slot());
        let tried = tokio::spawn(async move {
            let mut history = history;
            let Tried { outcome, pin } = attempt.execute(pin_task).await?;
            drop(attempt);
            history.record(&slot, pin);
            if let (Some(pin), Ok(Outcome::PinRefused(refusal))) = (page_pin, &outcome) {
                history.record_refused(&slot, &pin, &messages::refused(refusal.clone()));
            }
            Ok((history, outcome.map(refusal_to_failure)))
        });
        tried.await.map_err(|_| login_ended())?
    }
}

fn pin_slot(task: &LoginTask<'_>, request: &PinRequest) -> PinSlot {
    let (module, slot) = task.token_slot();
    PinSlot { serial: request.token.serial.trim().to_owned(), module, slot }
}

fn refusal_to_failure(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::PinRefused(refusal) => Outcome::Failed(messages::refused(refusal)),
        outcome => outcome,
    }
}

/// How long an origin waits while another origin tries a PIN on the same token.
const ATTEMPT_WAIT: Duration = Duration::from_secs(60);
