//! Lets the user enter the PIN: in a dialog, or at the reader's pinpad.

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;
use serde_json::value::RawValue;

use super::attempts::{Attempt, PinSource, Tried};
use super::{HeldHistory, PinEntry, messages, pin_slot, policy, refusal_to_failure};
use crate::dialog::question::{PinProblem, PinQuestion};
use crate::dialog::{Answer, Busy, Question, Stopping, Turn};
use crate::ipc::message::{Outcome, login_ended};
use crate::ipc::pin::{PinEntryPath, PinPermission, PinRequest, TriesLeft};
use crate::signing::login_task::LoginTask;

impl PinEntry {
    /// Lets the user enter the PIN.
    pub(super) async fn by_user(
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
                tried = attempt.execute(pin_task) => tried.and_then(|Tried { outcome, pin }| {
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

/// What the next dialog says about a PIN that the token refused.
fn problem_of(failure: &Failure) -> PinProblem {
    match failure.rv {
        Some(Rv::PIN_LEN_RANGE | Rv::PIN_INVALID) => PinProblem::NotAccepted,
        _ => PinProblem::Wrong,
    }
}

/// After this many wrong PINs in a row, the user probably has the wrong card in the reader.
const MAX_ENTRIES: usize = 3;
