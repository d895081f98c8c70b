//! The requests of one connection that have no answer yet. Each connection counts its ids from 1.
//! An answer on the wrong connection therefore finds a request with its id there, and the content
//! shows the mistake.

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

/// Why open requests got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    CutOff,
    Lost,
}

impl InFlight {
    /// Adds a request and returns the text to send. The answer frees the permit.
    pub(super) fn add(&mut self, request: Request, permit: Option<OwnedSemaphorePermit>) -> String {
        self.last += 1;
        let id = id(self.last);
        let text = request.encode(&id);
        self.open.insert(id, (request, permit));
        text
    }

    /// Counts an answer and returns its request.
    pub(super) fn resolve(
        &mut self,
        testbed: &Testbed,
        counters: &SharedCounters,
        id: Option<&Id>,
        outcome: &Result<Box<RawValue>, ErrorObject>,
    ) -> Option<Request> {
        let Some((request, _)) = id.and_then(|id| self.open.remove(id)) else {
            let was_answered = id.is_some_and(|id| number(id).is_some_and(|n| n <= self.last));
            counters.update(|counters| {
                counters.answered_twice += u64::from(was_answered);
                counters.mismatched += u64::from(!was_answered);
                counters.wrong_answer(format!("an answer without an open request: {id:?}"));
            });
            return None;
        };
        let verdict = match outcome {
            Ok(result) => match request.verify_result(testbed, result) {
                Verdict::WrongSignature if self.answers_another_request(testbed, result) => {
                    Verdict::Mismatch
                }
                verdict => verdict,
            },
            Err(error) => request.verify_error(error),
        };
        counters.update(|counters| {
            if verdict != Verdict::Right {
                let answer =
                    outcome.as_ref().map_or_else(|error| &*error.message, |result| result.get());
                counters.wrong_answer(format!("{verdict:?}: {}: {answer}", request.method));
            }
            counters.wrong_signature += u64::from(verdict == Verdict::WrongSignature);
            counters.mismatched += u64::from(verdict == Verdict::Mismatch);
            match outcome {
                Ok(result) => {
                    counters.answered += 1;
                    count_content(counters, &request.expected, result);
                }
                Err(error) => counters.error(error),
            }
        });
        Some(request)
    }

    /// The id of a batch that is in flight.
    pub(super) fn batch(&self) -> Option<&Id> {
        let is_batch =
            |(request, _): &&(Request, _)| matches!(request.expected, Expected::Signatures { .. });
        self.open.iter().find(|(_, open)| is_batch(open)).map(|(id, _)| id)
    }

    /// The number of requests in flight.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Counts the requests that are still open.
    pub(super) fn close(&mut self, counters: &SharedCounters, unanswered: Unanswered) {
        let count = self.open.drain().count() as u64;
        counters.update(|counters| match unanswered {
            Unanswered::CutOff => counters.cut_off += count,
            Unanswered::Lost => counters.lost += count,
        });
    }

    /// Whether a signature answers another request of the connection.
    fn answers_another_request(&self, testbed: &Testbed, result: &RawValue) -> bool {
        let signatures = self
            .open
            .values()
            .filter(|(request, _)| matches!(request.expected, Expected::Signature { .. }));
        signatures
            .into_iter()
            .any(|(request, _)| request.verify_result(testbed, result) == Verdict::Right)
    }
}

fn count_content(counters: &mut Counters, expected: &Expected, result: &RawValue) {
    match expected {
        Expected::Signature { .. } => counters.signatures += 1,
        Expected::Signatures { messages, .. } => {
            let failed = result.get().matches(r#"{"error":"#).count() as u64;
            let cancelled = result.get().contains(r#""code":"803""#);
            counters.signatures += (messages.len() as u64).saturating_sub(failed);
            counters.failed_in_batches += failed;
            counters.disruptions.cancelled_batches += u64::from(cancelled);
        }
        Expected::Tokens => {
            let tokens = result.get().matches(r#""slot_id":"#).count();
            counters.incomplete_token_lists += u64::from(tokens < ALL_SLOTS);
        }
        _ => {}
    }
}

/// Makes an id: a number, or a string for every fourth request.
fn id(number: u64) -> Id {
    if number.is_multiple_of(4) { Id::String(format!("load-{number}")) } else { Id::Number(number) }
}

fn number(id: &Id) -> Option<u64> {
    match id {
        Id::Number(number) => Some(*number),
        Id::String(text) => text.strip_prefix("load-")?.parse().ok(),
    }
}
