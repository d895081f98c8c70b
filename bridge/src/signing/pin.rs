//! Gets the PIN that a token wants. It comes from the reader's pinpad, from the user on the
//! desktop, or from the page's call. This module alone decides whether a PIN may be tried.
//!
//! An origin may try one PIN at a time. Each wrong PIN makes the origin wait longer for its next
//! try.

mod attempts;
mod messages;
mod origin_history;
mod policy;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::PinEntry as Policy;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::login_task::LoginTask;
use crate::access::origin::{Origin, RequestOrigin};
use crate::dialog::{Answer, Busy, Dialogs, Question, QuestionKind, Turn, text};
use crate::ipc::message::{Outcome, login_ended};
use crate::ipc::pin::{PinEntryPath, PinPermission, PinRequest};
use crate::process::lock::lock;
use attempts::{Attempts, PinSource};
use origin_history::OriginHistory;

/// What the PIN entry of all origins shares.
pub(crate) struct PinEntry {
    policy: Policy,
    dialogs: Arc<Dialogs>,
    origins: Mutex<HashMap<Origin, Arc<AsyncMutex<OriginHistory>>>>,
    attempts: Attempts,
}

/// The locked history of an origin. Only the call that holds it may try a PIN for the origin.
type HeldHistory = OwnedMutexGuard<OriginHistory>;

impl PinEntry {
    pub(crate) fn new(policy: Policy, dialogs: Arc<Dialogs>) -> Self {
        Self { policy, dialogs, origins: Mutex::default(), attempts: Attempts::default() }
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
        let history = self.history(task.context.origin).lock_owned().await;
        // Meanwhile another call may have logged in, or the token may have refused the same PIN.
        let request = match task.execute_without_pin().await? {
            Outcome::PinNeeded(request) => request,
            outcome => return outcome.result(),
        };
        policy::check(&request.token, page_pin)?;
        if let (PinEntryPath::Software, Some(pin)) = (request.token.entry, page_pin) {
            history.check_refused(&slot, pin, task.context.received)?;
            history.pause().await;
            let permission = PinPermission::Send { pin: pin.clone(), token: request.token.clone() };
            let (_, outcome) =
                self.attempt(task, &request, permission, PinSource::Page, history).await?;
            return match outcome? {
                Outcome::PinNeeded(now) => {
                    policy::check(&now.token, page_pin)?;
                    Err(login_ended())
                }
                outcome => outcome.result(),
            };
        }
        history.check_dismissed(&slot, task.context.received)?;
        history.pause().await;
        let (mut history, result) = match request.token.entry {
            PinEntryPath::Pinpad => self.by_pinpad(task, &request, history).await?,
            PinEntryPath::Software => self.by_dialog(task, request, history).await?,
        };
        match &result {
            Ok(_) => history.record_success(&slot),
            Err(failure) if policy::ends_entry(failure) => {
                history.record_dismissal(&slot, failure);
            }
            Err(_) => {}
        }
        result
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

    /// Tries a PIN. The try goes on even if the page gives up the call, because that does not undo
    /// it. Until the token has judged the PIN, no other origin may try one on this token.
    async fn attempt(
        &self,
        task: &LoginTask<'_>,
        request: &PinRequest,
        permission: PinPermission,
        source: PinSource,
        mut history: HeldHistory,
    ) -> Result<(HeldHistory, Result<Outcome, Failure>), Failure> {
        let turn = self.attempts.turn(&request.token, &task.context.module.name);
        let mut attempts = timeout(ATTEMPT_WAIT, turn).await.map_err(|_| messages::busy())?;
        attempts.check(&request.token, source)?;
        let page_pin = task.page_pin().filter(|_| source == PinSource::Page).cloned();
        let (pin_task, slot) = (task.with_pin(permission).await?, task.token_slot());
        let tried = tokio::spawn(async move {
            let outcome = pin_task.execute().await.map(refusal_to_failure);
            history.record(&slot, &outcome);
            attempts.record(source, &outcome);
            if let (Some(pin), Ok(Outcome::Failed(failure))) = (page_pin, &outcome) {
                history.record_refused(&slot, &pin, failure);
            }
            drop(attempts);
            (history, outcome)
        });
        tried.await.map_err(|_| login_ended())
    }

    async fn turn(&self) -> Result<Turn, Failure> {
        self.dialogs.turn(QuestionKind::Pin).await.map_err(|Busy| messages::busy())
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
        let message = Question::Message { text: task.question().pinpad_text(request) };
        let permission = PinPermission::Pinpad { token: request.token.clone() };
        let pin_task = task.with_pin(permission).await?;
        let gone = task.context.session.gone().clone();
        let entered = tokio::spawn(async move {
            let shown = async {
                if let Answer::Unavailable(reason) = turn.ask(&message).await {
                    tracing::warn!(%reason, "the bridge cannot tell the user to use the pinpad");
                }
                // A user who closes the message may still enter the PIN.
                std::future::pending().await
            };
            let outcome = tokio::select! {
                outcome = pin_task.execute() => outcome.map(refusal_to_failure),
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
        for _ in 0..MAX_ENTRIES {
            let question = Question::Pin {
                text: task.question().pin_text(&request),
                error: wrong.as_ref().map(|failure| text::make_safe_line(&failure.message)),
            };
            let failure = match turn.ask(&question).await {
                Answer::Pin(pin) => {
                    if policy::check_length(&pin, &request.token).is_err() {
                        // The user may have changed the token since the dialog opened.
                        if let Ok(Outcome::PinNeeded(now)) = task.execute_without_pin().await {
                            request = now;
                        }
                        if let Err(failure) = policy::check_length(&pin, &request.token) {
                            wrong = Some(failure);
                            continue;
                        }
                    }
                    let permission = PinPermission::Send { pin, token: request.token.clone() };
                    let outcome;
                    (history, outcome) =
                        self.attempt(task, &request, permission, PinSource::User, history).await?;
                    match outcome {
                        Ok(Outcome::Failed(failure)) if policy::may_enter_again(&failure) => {
                            wrong = Some(failure);
                            if let Ok(Outcome::PinNeeded(now)) = task.execute_without_pin().await {
                                request = now;
                            }
                        }
                        // The token changed, or has only one try left, which the user did not know.
                        Ok(Outcome::PinNeeded(now)) => request = now,
                        outcome => return Ok((history, outcome.and_then(Outcome::result))),
                    }
                    match policy::check(&request.token, None) {
                        Ok(()) => continue,
                        Err(failure) => failure,
                    }
                }
                Answer::TimedOut => messages::timed_out(self.dialogs.limit()),
                Answer::Unavailable(reason) => {
                    tracing::warn!(%reason, "the bridge cannot ask the user for a PIN");
                    history.withdraw_question(&task.token_slot());
                    messages::unavailable(&request.token.label, task.purpose, self.policy)
                }
                Answer::Stopping => messages::stopping(),
                Answer::Cancelled | Answer::Yes | Answer::No => messages::cancelled(),
            };
            return Ok((history, Err(failure)));
        }
        Ok((history, Err(wrong.unwrap_or_else(messages::cancelled))))
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
