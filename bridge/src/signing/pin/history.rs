//! What an origin has done with PINs lately. It outlives the origin's connections and workers, so that a
//! page gains nothing by coming anew.

use std::collections::HashMap;
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::time::{Instant, sleep_until};

use crate::ipc::{Outcome, unix_micros};
use crate::modules::ModuleName;

/// Whoever holds it may have a PIN tried.
#[derive(Default)]
pub(super) struct History {
    /// Wrong PINs of the page and dialogs without a right one, in a row for each slot: that a page knows
    /// the PIN of one token makes good nothing on another.
    failures: HashMap<TokenSlot, u32>,
    /// When the next PIN may be tried, or the user be asked again.
    free: Option<Instant>,
    /// The end of the last PIN entry by the user, for the calls that waited for it.
    refused: HashMap<TokenSlot, (u64, ErrorObject)>,
}

/// Where a token is.
pub(crate) type TokenSlot = (ModuleName, Option<SlotId>);

impl History {
    /// Whether something of it is still needed.
    pub(super) fn is_of_use(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Waits as long as the failures demand.
    pub(super) async fn pause(&self) {
        if let Some(free) = self.free {
            sleep_until(free).await;
        }
    }

    /// Notes what became of a PIN that was sent to the token.
    pub(super) fn note(&mut self, token_slot: &TokenSlot, outcome: &Result<Outcome, ErrorObject>) {
        match outcome {
            Ok(Outcome::Done(_)) => self.succeed(token_slot),
            Ok(Outcome::Failed(error)) | Err(error) if may_have_been_wrong(error) => {
                self.fail(token_slot);
            }
            Ok(_) | Err(_) => {}
        }
    }

    /// The token got the right PIN.
    pub(super) fn succeed(&mut self, token_slot: &TokenSlot) {
        self.failures.remove(token_slot);
        if self.failures.is_empty() {
            self.free = None;
        }
    }

    /// The user is asked. That counts as a failure until the right PIN has come, because a page may
    /// withdraw the question and ask anew.
    pub(super) fn ask(&mut self, token_slot: &TokenSlot) {
        self.fail(token_slot);
    }

    /// The user could not be asked after all, which is nobody's failure.
    pub(super) fn not_asked(&mut self, token_slot: &TokenSlot) {
        match self.failures.get_mut(token_slot) {
            Some(failures) if *failures > 1 => *failures -= 1,
            _ => self.succeed(token_slot),
        }
    }

    /// The user did not enter it. Calls that were waiting meanwhile get the same answer: one dialog that
    /// is cancelled is not followed by another for each of them.
    pub(super) fn dismiss(&mut self, token_slot: &TokenSlot, error: &ErrorObject) {
        self.refused.insert(token_slot.clone(), (unix_micros(), error.clone()));
        let before = self.failures.get(token_slot).map_or(0, |failures| failures.saturating_sub(1));
        self.free = self.free.max(Some(Instant::now() + pause_after(before)));
    }

    fn fail(&mut self, token_slot: &TokenSlot) {
        let failures = self.failures.entry(token_slot.clone()).or_default();
        self.free = self.free.max(Some(Instant::now() + pause_after(*failures)));
        *failures = failures.saturating_add(1);
    }

    /// Fails for a call that came before the user ended the last PIN entry.
    pub(super) fn share_refusal(
        &self,
        token_slot: &TokenSlot,
        arrived: u64,
    ) -> Result<(), ErrorObject> {
        match self.refused.get(token_slot) {
            // A clock that was set back meanwhile tells nothing.
            Some((at, error)) if arrived <= *at && *at <= unix_micros() => Err(error.clone()),
            _ => Ok(()),
        }
    }
}

/// Whether the token refused the PIN, or nobody knows what it said.
fn may_have_been_wrong(error: &ErrorObject) -> bool {
    error.data.pkcs11.as_deref() == Some("CKR_PIN_INCORRECT")
        || [ErrorCode::Internal, ErrorCode::DeadlinePassed, ErrorCode::OriginNotApproved]
            .into_iter()
            .any(|row| error.is(row))
}

/// 1, 2, 4 … s, at most a minute.
fn pause_after(failures_before: u32) -> Duration {
    Duration::from_secs(1u64.checked_shl(failures_before).unwrap_or(u64::MAX).clamp(1, 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_minute() {
        let pauses: Vec<_> = (0..9).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        for failures in [63, 64, u32::MAX] {
            assert_eq!(pause_after(failures).as_secs(), 60);
        }
    }
}
