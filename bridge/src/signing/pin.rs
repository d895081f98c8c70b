//! Gets the PIN that a token wants: from the reader's pinpad, from the user on the desktop, or from the
//! call. One PIN at a time for each origin, so that a page cannot try several at once, and each wrong one
//! of a page makes it wait longer.

mod attempts;
pub(super) mod history;
pub(super) mod messages;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::result::PinEntry as Policy;
use serde_json::value::RawValue;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use tokio::time::timeout;

use super::single::Signing;
use crate::access::origin::{Origin, RequestOrigin};
use crate::dialog::{Answer, Asking, Busy, Dialogs, Question, Turn, text};
use crate::ipc::{Entry, Outcome, PinPermission, PinRequest};
use crate::process::lock::lock;
use attempts::Attempts;
use history::History;
pub(crate) use messages::Purpose;

/// What all origins' PIN entry shares.
pub(crate) struct PinEntry {
    policy: Policy,
    dialogs: Arc<Dialogs>,
    origins: Mutex<HashMap<Origin, Arc<AsyncMutex<History>>>>,
    attempts: Attempts,
}

/// The right to have a PIN of the origin tried.
type Held = OwnedMutexGuard<History>;

pub(super) type Result<T> = std::result::Result<T, ErrorObject>;

impl PinEntry {
    pub(crate) fn new(policy: Policy, dialogs: Arc<Dialogs>) -> Self {
        Self { policy, dialogs, origins: Mutex::default(), attempts: Attempts::default() }
    }

    pub(crate) fn policy(&self) -> Policy {
        self.policy
    }

    /// Carries out a call, with a PIN where the token wants one.
    pub(crate) async fn carry_out(&self, signing: &Signing<'_>) -> Result<Box<RawValue>> {
        if signing.pin_of_page().is_some() && self.policy == Policy::Native {
            return Err(messages::not_from_page().into());
        }
        if let Some(result) = signing.without_pin().await?.done()? {
            return Ok(result);
        }
        let history = self.history(signing.caller.origin()).lock_owned().await;
        // Meanwhile the same PIN may have been entered, or refused.
        let request = match signing.without_pin().await? {
            Outcome::PinNeeded(request) => request,
            outcome => return outcome.result(),
        };
        if request.entry == Entry::Software && signing.pin_of_page().is_some() {
            history.pause().await;
            let (_, outcome) =
                self.attempt(signing, &request, PinPermission::OfPage, history).await?;
            return outcome?.result();
        }
        let token_slot = signing.token_slot();
        history.share_refusal(&token_slot, signing.arrived)?;
        history.pause().await;
        let (mut history, result) = match request.entry {
            Entry::Pinpad => self.by_pinpad(signing, &request, history).await?,
            Entry::Software => self.by_dialog(signing, request, history).await?,
        };
        match &result {
            Ok(_) => history.succeed(&token_slot),
            Err(error) if ends_entry(error) => history.dismiss(&token_slot, error),
            Err(_) => {}
        }
        result
    }

    fn history(&self, origin: &RequestOrigin) -> Arc<AsyncMutex<History>> {
        let RequestOrigin::Tuple(origin) = origin else { return Arc::default() };
        let mut origins = lock(&self.origins);
        origins.retain(|_, history| {
            Arc::strong_count(history) > 1
                || history.try_lock().is_ok_and(|history| history.is_of_use())
        });
        Arc::clone(origins.entry(origin.clone()).or_default())
    }

    /// Has a PIN tried, whatever becomes of the call meanwhile: a page that gives up its call does not
    /// undo the try. The token says how many tries are left, and is asked right before: until the PIN is
    /// judged no other origin may use one up.
    async fn attempt(
        &self,
        signing: &Signing<'_>,
        request: &PinRequest,
        leave: PinPermission,
        mut history: Held,
    ) -> Result<(Held, Result<Outcome>)> {
        let alone = self.attempts.turn(request, signing.module);
        let mut token = timeout(ATTEMPT_WAIT, alone).await.map_err(|_| messages::busy())?;
        token.check(request, &leave)?;
        let of_page = matches!(leave, PinPermission::OfPage);
        let (request, token_slot) = (signing.own(leave).await?, signing.token_slot());
        let tried = tokio::spawn(async move {
            let outcome = request.carry_out().await;
            history.note(&token_slot, &outcome);
            token.note(of_page, &outcome);
            drop(token);
            (history, outcome)
        });
        Ok(tried.await.map_err(|_| messages::login_ended())?)
    }

    async fn turn(&self) -> Result<Turn> {
        Ok(self.dialogs.turn(Asking::Pin).await.map_err(|Busy| messages::busy())?)
    }

    /// Tells the user to look at the reader, for as long as the reader waits for the PIN: that is until
    /// the last page of the origin is gone, and not only the one that has called.
    async fn by_pinpad(
        &self,
        signing: &Signing<'_>,
        request: &PinRequest,
        mut history: Held,
    ) -> Result<(Held, Result<Box<RawValue>>)> {
        let mut turn = self.turn().await?;
        history.ask(&signing.token_slot());
        let message = Question::Message { text: signing.purpose.pinpad(signing.caller, request) };
        let (request, gone) =
            (signing.own(PinPermission::Pinpad).await?, signing.session.gone().clone());
        let entered = tokio::spawn(async move {
            let told = async {
                if let Answer::Unavailable(reason) = turn.ask(&message).await {
                    tracing::warn!(%reason, "the user cannot be told to use the reader's pinpad");
                }
                // Whoever hides the message may still enter the PIN.
                std::future::pending().await
            };
            let outcome = tokio::select! {
                outcome = request.carry_out() => outcome,
                () = gone.cancelled() => Err(messages::login_ended().into()),
                never = told => never,
            };
            (history, outcome)
        });
        let (history, outcome) = entered.await.map_err(|_| messages::login_ended())?;
        Ok((history, outcome.and_then(Outcome::result)))
    }

    /// Asks the user, and again where the PIN was wrong, as long as more than one try is left.
    async fn by_dialog(
        &self,
        signing: &Signing<'_>,
        mut request: PinRequest,
        mut history: Held,
    ) -> Result<(Held, Result<Box<RawValue>>)> {
        let mut turn = self.turn().await?;
        history.ask(&signing.token_slot());
        let mut wrong: Option<ErrorObject> = None;
        for _ in 0..MAX_ATTEMPTS {
            let question = Question::Pin {
                text: signing.purpose.pin(signing.caller, &request),
                error: wrong.as_ref().map(|error| text::one_line(&error.message)),
            };
            let failure = match turn.ask(&question).await {
                Answer::Pin(pin) => {
                    let leave = PinPermission::Entered(pin, request.tries);
                    let outcome;
                    (history, outcome) = self.attempt(signing, &request, leave, history).await?;
                    match outcome {
                        Ok(Outcome::Failed(error)) if may_be_mended(&error) => {
                            wrong = Some(error);
                            if let Ok(Outcome::PinNeeded(now)) = signing.without_pin().await {
                                request = now;
                            }
                            continue;
                        }
                        // Only one try is left by now, which the user was not told.
                        Ok(Outcome::PinNeeded(now)) => {
                            request = now;
                            continue;
                        }
                        outcome => return Ok((history, outcome.and_then(Outcome::result))),
                    }
                }
                Answer::TimedOut => messages::timed_out(self.dialogs.limit()),
                Answer::Unavailable(reason) => {
                    tracing::warn!(%reason, "the user cannot be asked for a PIN");
                    history.not_asked(&signing.token_slot());
                    messages::unavailable(signing, &request, self.policy)
                }
                Answer::Stopping => messages::stopping(),
                Answer::Cancelled | Answer::Yes | Answer::No => messages::cancelled(),
            };
            return Ok((history, Err(failure.into())));
        }
        Ok((history, Err(wrong.unwrap_or_else(|| messages::cancelled().into()))))
    }
}

/// Whether it was the user's PIN, or the lack of one, that a call failed for.
fn ends_entry(error: &ErrorObject) -> bool {
    [
        ErrorCode::PinEntryCancelled,
        ErrorCode::PinEntryTimedOut,
        ErrorCode::PinFinalTry,
        ErrorCode::PinLocked,
        ErrorCode::PinIncorrect,
    ]
    .into_iter()
    .any(|row| error.is(row))
}

/// Whether the user may enter the PIN once more: it was wrong or could not be tried, and as far as is
/// known more than one try is left.
fn may_be_mended(error: &ErrorObject) -> bool {
    let mended = ["CKR_PIN_INCORRECT", "CKR_PIN_INVALID", "CKR_PIN_LEN_RANGE"];
    error.is(ErrorCode::PinIncorrect)
        && error.data.pkcs11.as_deref().is_some_and(|ckr| mended.contains(&ckr))
}

/// A person who has entered a wrong PIN so many times in a row has mistaken the card.
const MAX_ATTEMPTS: usize = 3;
/// How long an origin waits while another one has a PIN tried on the same token.
const ATTEMPT_WAIT: Duration = Duration::from_secs(60);
