//! Gets the PIN that a token wants. It comes from the reader's pinpad, from the user on the
//! desktop, or from the page's call. This module alone decides whether a PIN may be tried.
//!
//! An origin may try one PIN at a time. Each wrong PIN makes the next PIN of the page wait longer.

mod attempts;
mod ledger;
mod messages;
mod origin_history;
mod policy;
pub mod tries;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::result::PinEntry as Policy;
use pkcs11_bridge_protocol::rv::Rv;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::{sleep_until, timeout};

use super::login_task::LoginTask;
use crate::access::consent::Consent;
use crate::access::origin::{Origin, RequestOrigin};
use crate::dialog::question::{PinProblem, PinQuestion};
use crate::dialog::{Answer, Busy, Dialogs, Question, Stopping, Turn};
use crate::ipc::message::{Outcome, login_ended};
use crate::ipc::pin::{PinEntryPath, PinPermission, PinRequest, TriesLeft};
use crate::process::lock::lock;
use crate::process::private_file::PrivateFile;
use attempts::{Attempt, Attempts, PinSource, Tried};
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
        match task.execute_without_pin().await? {
            Outcome::PinNeeded(request) => policy::check(&request.token, page_pin)?,
            Outcome::LoggingIn => {}
            outcome => return outcome.result(),
        }
        let slot = task.token_slot();
        loop {
            let history = self.history(task.context.origin).lock_owned().await;
            // Meanwhile another call may have logged in, or the token may have refused the same
            // PIN.
            let request = match task.execute_without_pin().await? {
                Outcome::PinNeeded(request) => request,
                outcome => return outcome.result(),
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

    /// Lets the user enter the PIN.
    async fn by_user(
        &self,
        task: &LoginTask<'_>,
        request: PinRequest,
        history: HeldHistory,
    ) -> Result<Box<RawValue>, Failure> {
        let slot = task.token_slot();
        let (mut history, result) = match request.token.entry {
            PinEntryPath::Pinpad => self.by_pinpad(task, &request, history).await?,
            PinEntryPath::Software => self.by_dialog(task, request, history).await?,
        };
        match &result {
            Ok(_) => {
                history.record_success(&slot);
                self.consent.pin_entered(task.context.origin);
            }
            Err(failure) if policy::ends_entry(failure) => {
                history.record_dismissal(&slot, failure);
                if failure.code == ErrorCode::PinEntryCancelled {
                    self.consent.pin_cancelled(task.context.origin);
                }
            }
            Err(_) => {}
        }
        result
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
            let Tried { outcome, pin } = attempt.execute(&pin_task).await?;
            drop(attempt);
            history.record(&slot, pin);
            if let (Some(pin), Ok(Outcome::PinRefused(refusal))) = (page_pin, &outcome) {
                history.record_refused(&slot, &pin, &messages::refused(refusal.clone()));
            }
            Ok((history, outcome.map(refusal_to_failure)))
        });
        tried.await.map_err(|_| login_ended())?
    }

    async fn turn(&self) -> Result<Turn, Failure> {
        self.dialogs.pin_turn().await.map_err(|Busy| messages::busy())
    }

    fn question(
        &self,
        task: &LoginTask<'_>,
        request: &PinRequest,
        problem: Option<PinProblem>,
    ) -> PinQuestion {
        let taken = self.attempts.any_taken(&pin_slot(task, request));
        let mut request = request.clone();
        if taken && request.token.tries == TriesLeft::Unknown {
            // The bridge knows more than the token says.
            request.token.tries = TriesLeft::Low;
        }
        task.question().pin(&request, task.scope(), problem)
    }

    /// Shows a message that sends the user to the reader, while the reader waits for the PIN. The
    /// wait ends if the last page of the origin goes, not if only the calling page goes.
    async fn by_pinpad(
        &self,
        task: &LoginTask<'_>,
        request: &PinRequest,
        mut history: HeldHistory,
    ) -> Result<(HeldHistory, Result<Box<RawValue>, Failure>), Failure> {
        let mut turn = self.turn().await?;
        history.record_question(&task.token_slot());
        let message = Question::Pinpad(self.question(task, request, None));
        let attempt: Attempt =
            self.attempts.at_pinpad(pin_slot(task, request), &request.token.label);
        let permission =
            PinPermission::Pinpad { token: request.token.clone(), reason: request.reason };
        let (pin_task, slot) = (task.with_pin(permission).await?, task.token_slot());
        let gone = task.context.session.gone().clone();
        let entered = tokio::spawn(async move {
            let shown = async {
                if let Ok(Answer::Unavailable(reason)) = turn.ask(&message).await {
                    tracing::warn!(%reason, "the bridge cannot tell the user to use the pinpad");
                }
                // A user who closes the message may still enter the PIN.
                std::future::pending().await
            };
            let outcome = tokio::select! {
                tried = attempt.execute(&pin_task) => tried.and_then(|Tried { outcome, pin }| {
                    history.record(&slot, pin);
                    outcome.map(refusal_to_failure)
                }),
                () = gone.cancelled() => Err(login_ended()),
                never = shown => never,
            };
            (history, outcome)
        });
        let (history, outcome) = entered.await.map_err(|_| login_ended())?;
        Ok((history, outcome.and_then(Outcome::result)))
    }

    /// Asks the user for the PIN. After a wrong PIN it asks again, if more than one try is left.
    async fn by_dialog(
        &self,
        task: &LoginTask<'_>,
        mut request: PinRequest,
        mut history: HeldHistory,
    ) -> Result<(HeldHistory, Result<Box<RawValue>, Failure>), Failure> {
        let mut turn = self.turn().await?;
        history.record_question(&task.token_slot());
        let mut wrong: Option<Failure> = None;
        let mut problem = None;
        for _ in 0..MAX_ENTRIES {
            let question = Question::Pin(self.question(task, &request, problem));
            let failure = match turn.ask(&question).await {
                // The dialog has asked the user about a PIN of an unusual length.
                Ok(Answer::Pin(pin)) => {
                    let outcome;
                    (history, outcome) =
                        self.attempt(task, &request, pin, PinSource::User, history).await?;
                    match outcome {
                        Ok(Outcome::Failed(failure)) if policy::may_enter_again(&failure) => {
                            problem = Some(problem_of(&failure));
                            wrong = Some(failure);
                            if let Ok(Outcome::PinNeeded(now)) = task.execute_without_pin().await {
                                request = now;
                            }
                        }
                        // The token changed, or has fewer tries left than the user knew.
                        Ok(Outcome::PinNeeded(now)) => {
                            problem = Some(PinProblem::Changed);
                            request = now;
                        }
                        outcome => return Ok((history, outcome.and_then(Outcome::result))),
                    }
                    match policy::check(&request.token, None) {
                        Ok(()) => continue,
                        Err(failure) => failure,
                    }
                }
                Ok(Answer::TimedOut) => messages::timed_out(self.dialogs.limit()),
                Ok(Answer::Unavailable(reason)) => {
                    tracing::warn!(%reason, "the bridge cannot ask the user for a PIN");
                    history.withdraw_question(&task.token_slot());
                    messages::unavailable(&request.token.label, task.purpose, self.policy)
                }
                Ok(_) => messages::cancelled(),
                Err(Stopping) => messages::stopping(),
            };
            return Ok((history, Err(failure)));
        }
        Ok((history, Err(wrong.unwrap_or_else(messages::cancelled))))
    }
}

fn pin_slot(task: &LoginTask<'_>, request: &PinRequest) -> PinSlot {
    let (module, slot) = task.token_slot();
    PinSlot { serial: request.token.serial.trim().to_owned(), module, slot }
}

/// What the next dialog says about a PIN that the token refused.
fn problem_of(failure: &Failure) -> PinProblem {
    match failure.rv {
        Some(Rv::PIN_LEN_RANGE | Rv::PIN_INVALID) => PinProblem::NotAccepted,
        _ => PinProblem::Wrong,
    }
}

fn refusal_to_failure(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::PinRefused(refusal) => Outcome::Failed(messages::refused(refusal)),
        outcome => outcome,
    }
}

/// After this many wrong PINs in a row, the user probably has the wrong card in the reader.
const MAX_ENTRIES: usize = 3;
/// How long an origin waits while another origin tries a PIN on the same token.
const ATTEMPT_WAIT: Duration = Duration::from_secs(60);
