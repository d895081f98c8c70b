//! The requests of one connection that have no answer yet. Ids are counted up on each connection from 1, so that
//! an answer that went to the wrong connection finds a request there, and is told by what it says.

use std::collections::HashMap;

use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::message::Id;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;

use super::counters::{Counters, SharedCounters};
use super::request::{ALL_SLOTS, Expected, Request, Verdict};
use super::testbed::Testbed;

#[derive(Default)]
pub(super) struct InFlight {
    open: HashMap<Id, (Request, Option<OwnedSemaphorePermit>)>,
    last: u64,
}

/// Why requests that are still open get no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    CutOff,
    Lost,
}

impl InFlight {
    /// A request that is about to be sent. The permit is given back with the answer.
    pub(super) fn enter(
        &mut self,
        request: Request,
        permit: Option<OwnedSemaphorePermit>,
    ) -> String {
        self.last += 1;
        let id = id(self.last);
        let text = request.encode(&id);
        self.open.insert(id, (request, permit));
        text
    }

    /// Counts an answer, and gives the request that it belongs to.
    pub(super) fn answer(
        &mut self,
        testbed: &Testbed,
        counters: &SharedCounters,
        id: Option<&Id>,
        outcome: &Result<Box<RawValue>, ErrorObject>,
    ) -> Option<Request> {
        let Some((request, _)) = id.and_then(|id| self.open.remove(id)) else {
            let had_one = id.is_some_and(|id| number(id).is_some_and(|n| n <= self.last));
            counters.count(|figures| {
                figures.answered_twice += u64::from(had_one);
                figures.anothers += u64::from(!had_one);
                figures.wrong_answer(format!("an answer to nothing that is open: {id:?}"));
            });
            return None;
        };
        let verdict = match outcome {
            Ok(result) => match request.verify_result(testbed, result) {
                Verdict::WrongSignature if self.is_of_another(testbed, result) => Verdict::Anothers,
                verdict => verdict,
            },
            Err(error) => request.verify_error(error),
        };
        counters.count(|figures| {
            if verdict != Verdict::Right {
                let came =
                    outcome.as_ref().map_or_else(|error| &*error.message, |result| result.get());
                figures.wrong_answer(format!("{verdict:?}: {}: {came}", request.method));
            }
            figures.wrong_signature += u64::from(verdict == Verdict::WrongSignature);
            figures.anothers += u64::from(verdict == Verdict::Anothers);
            match outcome {
                Ok(result) => {
                    figures.answered += 1;
                    count_content(figures, &request.expected, result);
                }
                Err(error) => figures.error(error),
            }
        });
        Some(request)
    }

    /// A batch that is in flight.
    pub(super) fn batch(&self) -> Option<&Id> {
        let is_batch =
            |(request, _): &&(Request, _)| matches!(request.expected, Expected::Signatures { .. });
        self.open.iter().find(|(_, open)| is_batch(open)).map(|(id, _)| id)
    }

    /// How many are in flight.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Counts what is still open.
    pub(super) fn close(&mut self, counters: &SharedCounters, unanswered: Unanswered) {
        let count = self.open.drain().count() as u64;
        counters.count(|figures| match unanswered {
            Unanswered::CutOff => figures.cut_off += count,
            Unanswered::Lost => figures.lost += count,
        });
    }

    /// Whether a signature is the answer to another request of the connection.
    fn is_of_another(&self, testbed: &Testbed, result: &RawValue) -> bool {
        let signatures = self
            .open
            .values()
            .filter(|(request, _)| matches!(request.expected, Expected::Signature { .. }));
        signatures
            .into_iter()
            .any(|(request, _)| request.verify_result(testbed, result) == Verdict::Right)
    }
}

fn count_content(figures: &mut Counters, expected: &Expected, result: &RawValue) {
    match expected {
        Expected::Signature { .. } => figures.signatures += 1,
        Expected::Signatures { messages, .. } => {
            let failed = result.get().matches(r#"{"error":"#).count() as u64;
            let cancelled = result.get().contains(r#""code":"803""#);
            figures.signatures += (messages.len() as u64).saturating_sub(failed);
            figures.failed_in_batches += failed;
            figures.disruptions.cancelled_batches += u64::from(cancelled);
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
