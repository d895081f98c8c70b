//! What a load run stands on: the token, the modules and origins, and what is known of them beforehand, so
//! that every answer can be compared with it.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::verifier::{Known, Verifier};
use crate::token::{KeyType, LABEL, MODULE, TestToken};

/// The modules that pages work with. All of them are SoftHSM2, each with workers of its own.
pub(super) const MODULES: [&str; 2] = ["first", "second"];

/// Modules beyond those, whose workers are one too many while the others are in use.
pub(super) const ONE_TOO_MANY: [&str; 2] = ["third", "fourth"];

pub(super) struct Testbed {
    pub(super) token: TestToken,
    /// The slot of a second token, which has nothing on it.
    pub(super) second_slot: u64,
    pub(super) origins: Vec<String>,
    pub(super) verifier: Verifier,
    standings: Vec<[Standing; MODULES.len()]>,
}

/// How an origin stands with a module, as far as its pages know.
#[derive(Default)]
struct Standing {
    logged_in: Mutex<bool>,
    left_alone_until: Mutex<Option<Instant>>,
}

/// The keys that sign: those that most cards have.
pub(super) const KEYS: [KeyType; 2] = [KeyType::P256, KeyType::Rsa2048];

impl Testbed {
    pub(super) fn new(origins: usize) -> Self {
        let token = TestToken::new();
        let second_slot = token.add_token(SECOND_LABEL);
        let verifier = Verifier::of(&token);
        let origins = (1..=origins).map(|number| format!("https://load-{number}.example"));
        let origins: Vec<_> = origins.collect();
        let standings = origins.iter().map(|_| Default::default()).collect();
        Self { token, second_slot, origins, verifier, standings }
    }

    /// A worker that nobody needs makes room soon, so that one too many is not one too many for ever.
    pub(super) fn configuration(&self) -> String {
        let mut text = "worker_idle_seconds = 2\n".to_owned();
        for name in MODULES.iter().chain(&ONE_TOO_MANY) {
            text += &format!("[[modules]]\nname = \"{name}\"\npath = \"{MODULE}\"\n");
        }
        text
    }

    pub(super) fn is_logged_in(&self, origin: usize, module: usize) -> bool {
        *self.standings[origin][module].logged_in.lock().expect("nobody panics with it")
    }

    pub(super) fn set_logged_in(&self, origin: usize, module: usize, logged_in: bool) {
        *self.standings[origin][module].logged_in.lock().expect("nobody panics with it") =
            logged_in;
    }

    /// Whether an origin's pages use a module. One that was set aside, or had no room, is left alone for a
    /// while.
    pub(super) fn is_usable(&self, origin: usize, module: usize) -> bool {
        let until = &self.standings[origin][module].left_alone_until;
        until.lock().expect("nobody panics with it").is_none_or(|until| until <= Instant::now())
    }

    pub(super) fn leave_alone(&self, origin: usize, module: usize) {
        let until = &self.standings[origin][module].left_alone_until;
        *until.lock().expect("nobody panics with it") = Some(Instant::now() + LEFT_ALONE);
    }

    /// The label of the token in a slot.
    pub(super) fn label_of(&self, slot: u64) -> &'static str {
        match slot {
            slot if slot == self.token.slot() => LABEL,
            slot if slot == self.second_slot => SECOND_LABEL,
            _ => "",
        }
    }

    pub(super) fn known(&self) -> &[Known] {
        self.verifier.known()
    }
}

const SECOND_LABEL: &str = "Second token";
const LEFT_ALONE: Duration = Duration::from_millis(500);
