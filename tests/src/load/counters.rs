//! Counts the outcomes of all requests of a run, and its disruptions.

use std::collections::BTreeMap;
use std::sync::Mutex;

use pkcs11_bridge_protocol::error_object::ErrorObject;

/// The counts of a run.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Requests that the pages sent.
    pub sent: u64,
    /// Requests that the bridge answered with a result.
    pub answered: u64,
    /// Requests that the bridge answered with an error.
    pub failed: u64,
    /// Requests without an answer because this run cut their connection, or because the bridge
    /// closed it with a documented code after this run exceeded a limit.
    pub cut_off: u64,
    /// Requests without an answer for any other reason.
    pub lost: u64,
    /// Answers to requests that were answered before.
    pub answered_twice: u64,
    /// Answers that belong to another request or to no request.
    pub mismatched: u64,
    /// Signatures that were not made with the certificate's key over the hash of the request.
    pub wrong_signature: u64,
    /// Signatures that the run verified.
    pub signatures: u64,
    /// Signatures of the sample that OpenSSL verified too.
    pub verified_by_openssl: u64,
    /// Items of batches that failed.
    pub failed_in_batches: u64,
    /// Lists of tokens that lack a token which SoftHSM could not read at that moment.
    pub incomplete_token_lists: u64,
    /// Events by name.
    pub events: BTreeMap<String, u64>,
    /// Requests by method.
    pub methods: BTreeMap<String, u64>,
    /// Errors by status, code, and text without names and numbers.
    pub errors: BTreeMap<(u16, String, String), u64>,
    /// The first few wrong answers.
    pub wrong_answers: Vec<String>,
    /// Connections that the bridge closed without a reason from this run, by close code (0
    /// for no code).
    pub closed: BTreeMap<u16, u64>,
    /// The disruptions.
    pub disruptions: Disruptions,
}

/// The disruptions of a run.
#[derive(Clone, Debug, Default)]
pub struct Disruptions {
    /// Workers that the run killed.
    pub workers_killed: u64,
    /// Calls that the bridge refused because the module was suspended after too many dead workers.
    pub set_aside: u64,
    /// Connections that the run cut in the middle of a frame.
    pub cut_in_frame: u64,
    /// Connections that the bridge closed with 1009 because of a frame that was too long.
    pub too_long_frames: u64,
    /// Connections that the bridge refused with 1013 because there were too many.
    pub too_many_connections: u64,
    /// Requests that the bridge refused because 64 were in flight.
    pub too_many_in_flight: u64,
    /// Batches that the bridge refused because they were too long.
    pub too_long_batches: u64,
    /// Requests that the bridge refused because 16 workers were in use.
    pub too_many_workers: u64,
    /// Batches that a page cancelled.
    pub cancelled_batches: u64,
    /// Connections that a page opened again.
    pub reopened: u64,
}

impl Disruptions {
    /// Each count with its name.
    pub fn all(&self) -> [(&'static str, u64); 10] {
        [
            ("workers killed", self.workers_killed),
            ("calls of a suspended module", self.set_aside),
            ("connections cut in a frame", self.cut_in_frame),
            ("frames over 1 MiB", self.too_long_frames),
            ("connections over 64", self.too_many_connections),
            ("requests in flight over 64", self.too_many_in_flight),
            ("batches over 1000", self.too_long_batches),
            (WORKERS_OVER_16, self.too_many_workers),
            ("batches cancelled", self.cancelled_batches),
            ("connections opened again", self.reopened),
        ]
    }

    /// The counts of the disruptions that happen in every run. Exceeding the limit of workers is
    /// not one of them, because an idle worker mostly ends in time to make room.
    pub fn guaranteed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.all().into_iter().filter(|(name, _)| *name != WORKERS_OVER_16)
    }

    /// Whether each of these has happened.
    pub(super) fn all_happened(&self) -> bool {
        self.guaranteed().all(|(_, count)| count > 0)
    }
}

impl Counters {
    /// The counts that must be zero, with their names.
    pub fn must_be_zero(&self) -> [(&'static str, u64); 4] {
        [
            ("lost", self.lost),
            ("answered twice", self.answered_twice),
            ("answered with the answer to another", self.mismatched),
            ("wrong signature", self.wrong_signature),
        ]
    }
}

#[derive(Default)]
pub(super) struct SharedCounters(Mutex<Counters>);

impl SharedCounters {
    pub(super) fn update(&self, update: impl FnOnce(&mut Counters)) {
        update(&mut self.0.lock().expect("no holder panics"));
    }

    pub(super) fn snapshot(&self) -> Counters {
        self.0.lock().expect("no holder panics").clone()
    }
}

impl Counters {
    pub(super) fn error(&mut self, error: &ErrorObject) {
        self.failed += 1;
        let kind = (error.data.status, error.data.code.clone(), error_kind(&error.message));
        *self.errors.entry(kind).or_default() += 1;
    }

    pub(super) fn wrong_answer(&mut self, what: String) {
        if self.wrong_answers.len() < MAX_EXAMPLES {
            self.wrong_answers.push(what.chars().take(MAX_EXAMPLE_LEN).collect());
        }
    }
}

/// The first sentence of an error text, without names and numbers.
fn error_kind(message: &str) -> String {
    let sentence = message.split_once(". ").map_or(message, |(first, _)| first);
    let outside_names = sentence.split('`').step_by(2).collect::<Vec<_>>().join("`…`");
    outside_names.chars().filter(|c| !c.is_ascii_digit()).take(MAX_KIND_LEN).collect()
}

const MAX_EXAMPLES: usize = 5;
const MAX_EXAMPLE_LEN: usize = 300;
const MAX_KIND_LEN: usize = 90;

const WORKERS_OVER_16: &str = "workers over 16";
