//! What a load run starts with: the token, the modules and the origins. The verifier compares every
//! answer with what is known of them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::verifier::{KnownSignature, Verifier};
use crate::token::{KeyType, LABEL, MODULE, TestToken};

/// The modules that the pages use. Both are SoftHSM2, each with workers of its own.
pub(super) const MODULES: [&str; 2] = ["first", "second"];

/// More modules. Their workers exceed the limit of workers while the others are in use.
pub(super) const EXTRA_MODULES: [&str; 2] = ["third", "fourth"];

pub(super) struct Testbed {
    pub(super) token: TestToken,
    /// The slot of a second, empty token.
    pub(super) second_slot: u64,
    pub(super) origins: Vec<String>,
    pub(super) verifier: Verifier,
    module_states: Vec<[ModuleState; MODULES.len()]>,
}

/// What the pages of an origin know of a module.
#[derive(Default)]
struct ModuleState {
    logged_in: Mutex<bool>,
    paused_until: Mutex<Option<Instant>>,
}

/// The keys that sign: the types that most tokens have.
pub(super) const KEYS: [KeyType; 2] = [KeyType::P256, KeyType::Rsa2048];

impl Testbed {
    pub(super) fn new(origins: usize) -> Self {
        let token = TestToken::new();
        let second_slot = token.add_token(SECOND_LABEL);
        let verifier = Verifier::of(&token);
        let origins = (1..=origins).map(|number| format!("https://load-{number}.example"));
        let origins: Vec<_> = origins.collect();
        let module_states = origins.iter().map(|_| Default::default()).collect();
        Self { token, second_slot, origins, verifier, module_states }
    }

    /// The bridge's configuration. Idle workers end soon, so that the limit of workers is not
    /// exceeded for ever.
    pub(super) fn configuration(&self) -> String {
        let mut text = "worker_idle_seconds = 2\n".to_owned();
        for name in MODULES.iter().chain(&EXTRA_MODULES) {
            text += &format!("[[modules]]\nname = \"{name}\"\npath = \"{MODULE}\"\n");
        }
        text
    }

    pub(super) fn is_logged_in(&self, origin: usize, module: usize) -> bool {
        *self.module_states[origin][module].logged_in.lock().expect("no holder panics")
    }

    pub(super) fn set_logged_in(&self, origin: usize, module: usize, logged_in: bool) {
        *self.module_states[origin][module].logged_in.lock().expect("no holder panics") = logged_in;
    }

    /// Whether an origin's pages use a module now. They pause after the bridge suspended the module
    /// or had too many workers.
    pub(super) fn is_usable(&self, origin: usize, module: usize) -> bool {
        let until = &self.module_states[origin][module].paused_until;
        until.lock().expect("no holder panics").is_none_or(|until| until <= Instant::now())
    }

    pub(super) fn pause_module(&self, origin: usize, module: usize) {
        let until = &self.module_states[origin][module].paused_until;
        *until.lock().expect("no holder panics") = Some(Instant::now() + MODULE_PAUSE);
    }

    /// The label of the token in a slot.
    pub(super) fn label_of(&self, slot: u64) -> &'static str {
        match slot {
            slot if slot == self.token.slot() => LABEL,
            slot if slot == self.second_slot => SECOND_LABEL,
            _ => "",
        }
    }

    pub(super) fn known_signatures(&self) -> &[KnownSignature] {
        self.verifier.known_signatures()
    }
}

const SECOND_LABEL: &str = "Second token";
const MODULE_PAUSE: Duration = Duration::from_millis(500);
