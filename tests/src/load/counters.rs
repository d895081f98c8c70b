//! What came of all requests of a run, and what was done to the bridge meanwhile.

use std::collections::BTreeMap;
use std::sync::Mutex;

use pkcs11_bridge_protocol::error_object::ErrorObject;

/// The figures of a run.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// Requests that were written to a connection.
    pub sent: u64,
    /// Those of them that were answered with a result.
    pub answered: u64,
    /// Those that were answered with an error.
    pub failed: u64,
    /// Those without an answer, on a connection that was cut off by this run, or that the bridge closed with a
    /// documented code because this run had broken a limit on it.
    pub cut_off: u64,
    /// Those without an answer for any other reason.
    pub lost: u64,
    /// Answers to requests that had theirs already.
    pub answered_twice: u64,
    /// Answers that belong to another request, or to none.
    pub anothers: u64,
    /// Signatures that are not those of the certificate's key over what was asked for.
    pub wrong_signature: u64,
    /// Signatures that were checked.
    pub signatures: u64,
    /// Those of a sample that OpenSSL found right too.
    pub confirmed_by_openssl: u64,
    /// Signatures of batches that became an error.
    pub failed_in_batches: u64,
    /// Lists of tokens without one that SoftHSM could not read at that moment.
    pub tokens_left_out: u64,
    /// Events that were pushed, by name.
    pub events: BTreeMap<String, u64>,
    /// How often each method was called.
    pub methods: BTreeMap<String, u64>,
    /// How often each error came, by status, code, and text without names and numbers.
    pub errors: BTreeMap<(u16, String, String), u64>,
    /// The first few answers that were wrong.
    pub wrong_answers: Vec<String>,
    /// Connections that the bridge closed for no reason that this run had given it, by close code (0: none).
    pub closed: BTreeMap<u16, u64>,
    /// What was done to the bridge.
    pub disruptions: Disruptions,
}

/// What was done to the bridge.
#[derive(Clone, Debug, Default)]
pub struct Disruptions {
    /// Workers that were killed.
    pub workers_killed: u64,
    /// Calls of a module that was set aside, because its workers had been killed too often.
    pub set_aside: u64,
    /// Connections that were cut off in the middle of a frame.
    pub cut_in_frame: u64,
    /// Connections that were closed with 1009 because of a frame that was too long.
    pub too_long_frames: u64,
    /// Connections that were refused with 1013 because there were enough.
    pub too_many_connections: u64,
    /// Requests that were refused because 64 were in flight.
    pub too_many_in_flight: u64,
    /// Batches that were refused because they were too long.
    pub too_long_batches: u64,
    /// Requests that were refused because 16 workers were in use.
    pub too_many_workers: u64,
    /// Batches that were cancelled.
    pub cancelled_batches: u64,
    /// Connections that were opened anew.
    pub opened_anew: u64,
}

impl Disruptions {
    /// Each with its name.
    pub fn all(&self) -> [(&'static str, u64); 10] {
        [
            ("workers killed", self.workers_killed),
            ("calls of a module set aside", self.set_aside),
            ("connections cut off in a frame", self.cut_in_frame),
            ("frames over 1 MiB", self.too_long_frames),
            ("connections over 64", self.too_many_connections),
            ("requests in flight over 64", self.too_many_in_flight),
            ("batches over 1000", self.too_long_batches),
            (WORKERS_OVER_16, self.too_many_workers),
            ("batches cancelled", self.cancelled_batches),
            ("connections opened anew", self.opened_anew),
        ]
    }

    /// Those that a run can be sure of. Where one worker too many is wanted, another that is idle for a moment
    /// makes room most of the time.
    pub fn certain(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.all().into_iter().filter(|(name, _)| *name != WORKERS_OVER_16)
    }

    /// Whether each of those has happened.
    pub(super) fn have_all_happened(&self) -> bool {
        self.certain().all(|(_, count)| count > 0)
    }
}

impl Counters {
    /// The figures that have to be zero, with their names.
    pub fn must_be_zero(&self) -> [(&'static str, u64); 4] {
        [
            ("lost", self.lost),
            ("answered twice", self.answered_twice),
            ("answered with another's answer", self.anothers),
            ("wrong signature", self.wrong_signature),
        ]
    }
}

#[derive(Default)]
pub(super) struct SharedCounters(Mutex<Counters>);

impl SharedCounters {
    pub(super) fn count(&self, count: impl FnOnce(&mut Counters)) {
        count(&mut self.0.lock().expect("nobody panics with it"));
    }

    pub(super) fn figures(&self) -> Counters {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

impl Counters {
    pub(super) fn error(&mut self, error: &ErrorObject) {
        self.failed += 1;
        let kind = (error.data.status, error.data.code.clone(), kind_of(&error.message));
        *self.errors.entry(kind).or_default() += 1;
    }

    pub(super) fn wrong_answer(&mut self, what: String) {
        if self.wrong_answers.len() < EXAMPLES {
            self.wrong_answers.push(what.chars().take(EXAMPLE_LEN).collect());
        }
    }
}

/// The first sentence of an error, without the names and numbers in it.
fn kind_of(message: &str) -> String {
    let sentence = message.split_once(". ").map_or(message, |(first, _)| first);
    let outside_names = sentence.split('`').step_by(2).collect::<Vec<_>>().join("`…`");
    outside_names.chars().filter(|c| !c.is_ascii_digit()).take(KIND_LEN).collect()
}

const EXAMPLES: usize = 5;
const EXAMPLE_LEN: usize = 300;
const KIND_LEN: usize = 90;

const WORKERS_OVER_16: &str = "workers over 16";
