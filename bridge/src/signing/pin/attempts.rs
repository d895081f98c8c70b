//! Tries PINs. One PIN at a time is tried on a token, whatever its origin. Otherwise two origins
//! could both see that two tries are left, and use up both. Each try is taken in the ledger before
//! the PIN is sent. It is given back only if the PIN was not sent, or once the token accepted it.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};
use tokio::task::spawn_blocking;

use super::ledger::{Ledger, MAX_TAKEN_FOR_PAGE, NoTry};
use super::messages;
use super::tries::PinSlot;
use crate::ipc::message::{Outcome, login_ended};
use crate::ipc::pin::{PinRefusal, PinUse};
use crate::process::lock::lock;
use crate::process::private_file::PrivateFile;
use crate::signing::login_task::PinTask;

/// Who chose the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PinSource {
    Page,
    User,
}

/// The tries of all tokens.
pub(super) struct Attempts {
    turns: Mutex<HashMap<String, Arc<AsyncMutex<()>>>>,
    ledger: Arc<Ledger>,
}

/// The right to try PINs on a slot. It owns all that it needs, so that a try can outlive its call.
pub(super) struct Attempt {
    ledger: Arc<Ledger>,
    slot: Arc<PinSlot>,
    token_label: String,
    source: PinSource,
    /// `None` for a pinpad. Other origins do not wait for the user there.
    _turn: Option<OwnedMutexGuard<()>>,
}

/// How a task with a PIN ended.
pub(super) struct Tried {
    pub(super) outcome: Result<Outcome, Failure>,
    pub(super) pin: PinUse,
}

impl Attempts {
    /// `file` holds the counts of all tokens.
    pub(super) fn new(file: Option<PrivateFile>) -> Self {
        Self { turns: Mutex::default(), ledger: Arc::new(Ledger::new(file)) }
    }

    /// Fails if a PIN of a page may not be tried, because too many PINs were not accepted.
    pub(super) fn check_page(&self, slot: &PinSlot, token_label: &str) -> Result<(), Failure> {
        if self.ledger.taken(slot) < MAX_TAKEN_FOR_PAGE {
            return Ok(());
        }
        Err(messages::tries_used(token_label))
    }

    /// Whether a PIN was not accepted since the last right one.
    pub(super) fn any_taken(&self, slot: &PinSlot) -> bool {
        self.ledger.taken(slot) > 0
    }

    /// Waits until no other PIN is being tried on the token. Its serial number identifies it,
    /// because several modules may reach it.
    pub(super) async fn turn(
        &self,
        slot: PinSlot,
        token_label: &str,
        source: PinSource,
    ) -> Attempt {
        let name = match slot.serial.as_str() {
            "" => format!("{} {}", slot.module, slot.slot),
            serial => format!("token {serial}"),
        };
        let turn = {
            let mut turns = lock(&self.turns);
            turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(turns.entry(name).or_default())
        };
        let turn = turn.lock_owned().await;
        self.attempt(slot, token_label, source, Some(turn))
    }

    /// The right to let the user try PINs at the reader's pinpad.
    pub(super) fn at_pinpad(&self, slot: PinSlot, token_label: &str) -> Attempt {
        self.attempt(slot, token_label, PinSource::User, None)
    }

    fn attempt(
        &self,
        slot: PinSlot,
        token_label: &str,
        source: PinSource,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Attempt {
        let (ledger, slot) = (Arc::clone(&self.ledger), Arc::new(slot));
        Attempt { ledger, slot, token_label: token_label.to_owned(), source, _turn: turn }
    }
}

impl Attempt {
    /// Executes a task with a PIN. Fails with `Err` if the PIN may not be tried.
    ///
    /// The worker sends the PIN once. A token may want it more often, for the login and for the
    /// signature for example. Then the task begins anew, with a try of its own.
    pub(super) async fn execute(&self, mut task: PinTask) -> Result<Tried, Failure> {
        let mut tried = self.execute_once(&task).await?;
        let mut may_repeat = true;
        for _ in 1..MAX_TRIES_PER_TASK {
            let reason = match &tried.outcome {
                // The token has not judged the PIN. The worker has logged out, so now it can.
                Ok(Outcome::PinRefused(refusal)) if may_repeat && is_already_logged_in(refusal) => {
                    may_repeat = false;
                    refusal.reason
                }
                Ok(Outcome::PinNeeded(request)) if tried.pin == PinUse::Accepted => request.reason,
                _ => break,
            };
            task = task.again_for(reason);
            match self.execute_once(&task).await {
                Ok(again) => tried = again,
                Err(_) => break,
            }
        }
        Ok(tried)
    }

    async fn execute_once(&self, task: &PinTask) -> Result<Tried, Failure> {
        self.take().await?;
        let (told, accepted) = oneshot::channel();
        let mut execution = pin!(task.execute(told));
        let (is_given_back, (outcome, reported)) = tokio::select! {
            biased;
            Ok(()) = accepted => {
                self.settle(Ledger::give_back).await;
                (true, execution.await)
            }
            done = &mut execution => (false, done),
        };
        // If the worker ended after the login, it did not report the PIN again.
        let pin = if is_given_back && outcome.is_err() { PinUse::Accepted } else { reported };
        let tried = Tried { outcome, pin };
        match pin {
            PinUse::NotAccepted => {}
            PinUse::Accepted if tried.is_judged() => self.settle(Ledger::clear).await,
            _ if is_given_back => {}
            PinUse::Accepted | PinUse::NotSent | PinUse::Matched => {
                self.settle(Ledger::give_back).await;
            }
        }
        Ok(tried)
    }

    async fn settle(&self, settle: impl FnOnce(&Ledger, &PinSlot) + Send + 'static) {
        let (ledger, slot) = (Arc::clone(&self.ledger), Arc::clone(&self.slot));
        let _ = spawn_blocking(move || settle(&ledger, &slot)).await;
    }

    async fn take(&self) -> Result<(), Failure> {
        let (ledger, slot, source) =
            (Arc::clone(&self.ledger), Arc::clone(&self.slot), self.source);
        let taken = spawn_blocking(move || ledger.take(&slot, source)).await;
        // The bridge is stopping if the task was cancelled.
        taken.map_err(|_| login_ended())?.map_err(|reason| match reason {
            NoTry::Used => messages::tries_used(&self.token_label),
            NoTry::NotRecorded => messages::try_not_recorded(&self.token_label),
        })
    }
}

impl Tried {
    /// Whether the token judged the PIN for all that it wants it for. A card may have one PIN for
    /// logins and another for signatures. That one is right says nothing of the other.
    fn is_judged(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|outcome| !matches!(outcome, Outcome::PinNeeded(_)))
    }
}

fn is_already_logged_in(refusal: &PinRefusal) -> bool {
    refusal.failure.rv == Some(Rv::USER_ALREADY_LOGGED_IN)
}

/// For the login, for the signature, and for a login that was lost meanwhile.
const MAX_TRIES_PER_TASK: usize = 3;
