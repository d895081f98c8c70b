//! The requests of one connection that have no answer yet. Ids are counted up on each connection from 1, so that
//! an answer that went to the wrong connection finds a request there, and is told by what it says.

use std::collections::HashMap;

use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::message::Id;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;

use super::ask::{ALL_SLOTS, Ask, Expected, Verdict};
use super::ground::Ground;
use super::tally::{Figures, Tally};

#[derive(Default)]
pub(super) struct Ledger {
    open: HashMap<Id, (Ask, Option<OwnedSemaphorePermit>)>,
    last: u64,
}

/// Why requests that are still open get no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    CutOff,
    Lost,
}

impl Ledger {
    /// A request that is about to be sent. The permit is given back with the answer.
    pub(super) fn enter(&mut self, ask: Ask, permit: Option<OwnedSemaphorePermit>) -> String {
        self.last += 1;
        let id = id(self.last);
        let text = ask.encode(&id);
        self.open.insert(id, (ask, permit));
        text
    }

    /// Counts an answer, and gives the request that it belongs to.
    pub(super) fn answer(
        &mut self,
        ground: &Ground,
        tally: &Tally,
        id: Option<&Id>,
        outcome: &Result<Box<RawValue>, ErrorObject>,
    ) -> Option<Ask> {
        let Some((ask, _)) = id.and_then(|id| self.open.remove(id)) else {
            let had_one = id.is_some_and(|id| number(id).is_some_and(|n| n <= self.last));
            tally.count(|figures| {
                figures.answered_twice += u64::from(had_one);
                figures.anothers += u64::from(!had_one);
                figures.wrong_answer(format!("an answer to nothing that is open: {id:?}"));
            });
            return None;
        };
        let verdict = match outcome {
            Ok(result) => match ask.judge_result(ground, result) {
                Verdict::WrongSignature if self.is_of_another(ground, result) => Verdict::Anothers,
                verdict => verdict,
            },
            Err(error) => ask.judge_error(error),
        };
        tally.count(|figures| {
            if verdict != Verdict::Right {
                let came =
                    outcome.as_ref().map_or_else(|error| &*error.message, |result| result.get());
                figures.wrong_answer(format!("{verdict:?}: {}: {came}", ask.method));
            }
            figures.wrong_signature += u64::from(verdict == Verdict::WrongSignature);
            figures.anothers += u64::from(verdict == Verdict::Anothers);
            match outcome {
                Ok(result) => {
                    figures.answered += 1;
                    count_content(figures, &ask.expected, result);
                }
                Err(error) => figures.error(error),
            }
        });
        Some(ask)
    }

    /// A batch that is in flight.
    pub(super) fn batch(&self) -> Option<&Id> {
        let is_batch = |(ask, _): &&(Ask, _)| matches!(ask.expected, Expected::Signatures { .. });
        self.open.iter().find(|(_, open)| is_batch(open)).map(|(id, _)| id)
    }

    /// How many are in flight.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Counts what is still open.
    pub(super) fn close(&mut self, tally: &Tally, unanswered: Unanswered) {
        let count = self.open.drain().count() as u64;
        tally.count(|figures| match unanswered {
            Unanswered::CutOff => figures.cut_off += count,
            Unanswered::Lost => figures.lost += count,
        });
    }

    /// Whether a signature is the answer to another request of the connection.
    fn is_of_another(&self, ground: &Ground, result: &RawValue) -> bool {
        let signatures = self
            .open
            .values()
            .filter(|(ask, _)| matches!(ask.expected, Expected::Signature { .. }));
        signatures.into_iter().any(|(ask, _)| ask.judge_result(ground, result) == Verdict::Right)
    }
}

fn count_content(figures: &mut Figures, expected: &Expected, result: &RawValue) {
    match expected {
        Expected::Signature { .. } => figures.signatures += 1,
        Expected::Signatures { messages, .. } => {
            let failed = result.get().matches(r#"{"error":"#).count() as u64;
            let cancelled = result.get().contains(r#""code":"803""#);
            figures.signatures += (messages.len() as u64).saturating_sub(failed);
            figures.failed_in_batches += failed;
            figures.troubles.cancelled_batches += u64::from(cancelled);
        }
        Expected::Tokens => {
            let tokens = result.get().matches(r#""slot_id":"#).count();
            figures.tokens_left_out += u64::from(tokens < ALL_SLOTS);
        }
        _ => {}
    }
}

/// Ids of both kinds.
fn id(number: u64) -> Id {
    if number.is_multiple_of(4) { Id::String(format!("load-{number}")) } else { Id::Number(number) }
}

fn number(id: &Id) -> Option<u64> {
    match id {
        Id::Number(number) => Some(*number),
        Id::String(text) => text.strip_prefix("load-")?.parse().ok(),
    }
}
