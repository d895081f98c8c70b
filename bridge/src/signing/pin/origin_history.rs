//! The recent PIN tries of an origin. The history outlives the origin's connections and workers, so
//! that a page gains nothing by reconnecting.

use std::collections::HashMap;
use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::pin::Pin;
use tokio::time::Instant;

use crate::ipc::pin::PinUse;
use crate::pin_proof::PinProof;
use crate::signing::login_task::TokenSlot;

/// The PIN tries of one origin. A call locks the history while it tries a PIN.
#[derive(Default)]
pub(super) struct OriginHistory {
    /// How many calls have had their turn.
    turns: u64,
    wrong_pins: Failures,
    /// Questions to which the user did not answer with the right PIN.
    questions: Failures,
    /// How the last PIN entry of the user ended, for the calls that waited for it.
    dismissed: HashMap<TokenSlot, (Instant, Failure)>,
    /// The PIN of the page that the token refused last.
    refused: HashMap<TokenSlot, RefusedPin>,
}

/// Failures in a row for each slot, and how long they make the next try wait. A right PIN for one
/// token does not excuse wrong PINs for another.
#[derive(Default)]
struct Failures {
    in_a_row: HashMap<TokenSlot, u32>,
    next_try: Option<Instant>,
}

/// A PIN of the page that the token refused. A page may sign three things at once with one mistyped
/// PIN. That must not use up three tries, so the other two calls get the same answer.
struct RefusedPin {
    proof: PinProof,
    at: Instant,
    failure: Failure,
}

impl OriginHistory {
    pub(super) fn turns(&self) -> u64 {
        self.turns
    }

    /// Counts a call that has its turn. Returns how many had theirs before.
    pub(super) fn take_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns - 1
    }

    /// Whether the history still matters.
    pub(super) fn is_needed(&self) -> bool {
        let is_recent = |refused: &RefusedPin| refused.at.elapsed() < REFUSED_PIN_LIFETIME;
        [&self.wrong_pins, &self.questions].iter().any(|failures| !failures.in_a_row.is_empty())
            || self.refused.values().any(is_recent)
    }

    /// The end of the pause before the next PIN of the page; `None` if there is no pause now.
    pub(super) fn page_pin_pause(&self) -> Option<Instant> {
        self.wrong_pins.pause()
    }

    /// The end of the pause before the next question; `None` if there is no pause now. Wrong PINs
    /// cause no such pause.
    pub(super) fn question_pause(&self) -> Option<Instant> {
        self.questions.pause()
    }

    /// Records what became of a PIN.
    pub(super) fn record(&mut self, slot: &TokenSlot, pin: PinUse) {
        match pin {
            PinUse::NotSent => {}
            PinUse::NotAccepted => self.wrong_pins.add(slot),
            PinUse::Matched | PinUse::Accepted => self.record_success(slot),
        }
    }

    /// Records the PIN of the page that the token refused.
    pub(super) fn record_refused(&mut self, slot: &TokenSlot, pin: &Pin, failure: &Failure) {
        if let Ok(proof) = PinProof::of(pin) {
            let refused = RefusedPin { proof, at: Instant::now(), failure: failure.clone() };
            self.refused.insert(slot.clone(), refused);
        }
    }

    /// Fails for a call that arrived before the token refused the same PIN.
    pub(super) fn check_refused(
        &self,
        slot: &TokenSlot,
        pin: &Pin,
        received: Instant,
    ) -> Result<(), Failure> {
        match self.refused.get(slot) {
            Some(refused) if received <= refused.at && refused.proof.matches(pin) => {
                Err(refused.failure.clone())
            }
            _ => Ok(()),
        }
    }

    /// Records that the token accepted a PIN.
    pub(super) fn record_success(&mut self, slot: &TokenSlot) {
        self.wrong_pins.clear(slot);
        self.questions.clear(slot);
    }

    /// Records that the bridge asks the user. The question counts as a failure until the user
    /// enters the right PIN. Otherwise a page could cancel its call and ask again at once.
    pub(super) fn record_question(&mut self, slot: &TokenSlot) {
        self.questions.add(slot);
    }

    /// Undoes [`OriginHistory::record_question`], because the bridge could not ask the user.
    pub(super) fn withdraw_question(&mut self, slot: &TokenSlot) {
        self.questions.withdraw(slot);
    }

    /// Records that the user did not enter the PIN. The calls that are waiting get the same error.
    /// Otherwise the user would have to cancel a dialog for each of them.
    pub(super) fn record_dismissal(&mut self, slot: &TokenSlot, failure: &Failure) {
        self.dismissed.insert(slot.clone(), (Instant::now(), failure.clone()));
        self.questions.restart_pause(slot);
    }

    /// Fails for a call that arrived before the user ended the last PIN entry.
    pub(super) fn check_dismissed(
        &self,
        slot: &TokenSlot,
        received: Instant,
    ) -> Result<(), Failure> {
        match self.dismissed.get(slot) {
            Some((at, failure)) if received <= *at => Err(failure.clone()),
            _ => Ok(()),
        }
    }
}

impl Failures {
    fn pause(&self) -> Option<Instant> {
        self.next_try.filter(|next_try| Instant::now() < *next_try)
    }

    fn add(&mut self, slot: &TokenSlot) {
        let failures = self.in_a_row.entry(slot.clone()).or_default();
        *failures = failures.saturating_add(1);
        self.restart_pause(slot);
    }

    /// Lets the pause after the last failure begin now.
    fn restart_pause(&mut self, slot: &TokenSlot) {
        if let Some(failures) = self.in_a_row.get(slot) {
            let end = Instant::now() + pause_after(failures.saturating_sub(1));
            self.next_try = self.next_try.max(Some(end));
        }
    }

    /// Undoes the last [`Failures::add`].
    fn withdraw(&mut self, slot: &TokenSlot) {
        match self.in_a_row.get_mut(slot) {
            Some(failures) if *failures > 1 => *failures -= 1,
            _ => self.clear(slot),
        }
    }

    fn clear(&mut self, slot: &TokenSlot) {
        self.in_a_row.remove(slot);
        if self.in_a_row.is_empty() {
            self.next_try = None;
        }
    }
}

/// 1, 2, 4, 8 … seconds, at most a minute.
fn pause_after(failures_before: u32) -> Duration {
    Duration::from_secs(1u64.checked_shl(failures_before).unwrap_or(u64::MAX).clamp(1, 60))
}

/// No call waits longer for its turn.
const REFUSED_PIN_LIFETIME: Duration = Duration::from_secs(10 * 60);

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
