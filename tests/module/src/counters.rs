//! What is counted across all processes that have loaded this module: calls that fit a rule, entries at
//! a pinpad, wrong PINs. It outlives them, because workers are ended and started again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};

use serde::{Deserialize, Serialize};

use crate::folder::folder;

/// The counts, each by the id of what it belongs to.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    calls: BTreeMap<u64, u64>,
    entries: BTreeMap<u64, usize>,
    wrong_pins: BTreeMap<u64, u32>,
}

impl Counters {
    /// The number of this call among those that fit a rule, beginning with 0.
    pub(crate) fn next_call(rule: u64) -> u64 {
        Self::with(|counters| {
            let count = counters.calls.entry(rule).or_default();
            *count += 1;
            *count - 1
        })
    }

    /// The number of this entry at a pinpad, beginning with 0.
    pub(crate) fn next_entry(pinpad: u64) -> usize {
        Self::with(|counters| {
            let count = counters.entries.entry(pinpad).or_default();
            *count += 1;
            *count - 1
        })
    }

    /// How many wrong PINs in a row a card has got.
    pub(crate) fn wrong_pins(card: u64) -> u32 {
        Self::with(|counters| counters.wrong_pins.get(&card).copied().unwrap_or(0))
    }

    /// Counts a wrong PIN.
    pub(crate) fn wrong_pin(card: u64) {
        Self::with(|counters| *counters.wrong_pins.entry(card).or_default() += 1);
    }

    /// Forgets the wrong PINs.
    pub(crate) fn right_pin(card: u64) {
        Self::with(|counters| counters.wrong_pins.remove(&card));
    }

    fn with<T>(work: impl FnOnce(&mut Self) -> T) -> T {
        let mut file = lock("counters");
        let mut text = Vec::new();
        file.read_to_end(&mut text).expect("counters");
        let mut counters = match &text[..] {
            [] => Self::default(),
            text => serde_json::from_slice(text).expect("counters"),
        };
        let result = work(&mut counters);
        file.rewind().expect("counters");
        file.set_len(0).expect("counters");
        file.write_all(&serde_json::to_vec(&counters).expect("counters")).expect("counters");
        result
    }
}

/// Keeps other logins to cards with few tries out, as a real card does, while it is held.
pub(crate) fn one_login_at_a_time() -> File {
    lock("login")
}

/// A file of the folder, locked against all threads of all processes until it is closed.
fn lock(name: &str) -> File {
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false);
    let file = file.open(folder().join(name)).expect("a file");
    file.lock().expect("a lock");
    file
}
