//! Counters shared by all processes that load this module: calls that match a rule, entries at a
//! pinpad, wrong PINs. They stand in a file, because the bridge ends workers and starts new ones.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};

use serde::{Deserialize, Serialize};

use crate::folder::folder;

/// The counts, by the id of the rule, pinpad or token.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Counters {
    calls: BTreeMap<u64, u64>,
    entries: BTreeMap<u64, usize>,
    wrong_pins: BTreeMap<u64, u32>,
}

impl Counters {
    /// The number of this call among those that match a rule, from 0.
    pub(crate) fn next_call(rule: u64) -> u64 {
        Self::update(|counters| {
            let count = counters.calls.entry(rule).or_default();
            *count += 1;
            *count - 1
        })
    }

    /// The number of this entry at a pinpad, from 0.
    pub(crate) fn next_entry(pinpad: u64) -> usize {
        Self::update(|counters| {
            let count = counters.entries.entry(pinpad).or_default();
            *count += 1;
            *count - 1
        })
    }

    /// The number of consecutive wrong PINs on a token.
    pub(crate) fn wrong_pins(token: u64) -> u32 {
        Self::update(|counters| counters.wrong_pins.get(&token).copied().unwrap_or(0))
    }

    /// Counts a wrong PIN.
    pub(crate) fn wrong_pin(token: u64) {
        Self::update(|counters| *counters.wrong_pins.entry(token).or_default() += 1);
    }

    /// Resets the count of wrong PINs.
    pub(crate) fn right_pin(token: u64) {
        Self::update(|counters| counters.wrong_pins.remove(&token));
    }

    fn update<T>(work: impl FnOnce(&mut Self) -> T) -> T {
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

/// Keeps other logins out until the file is dropped. A real token processes one PIN at a time.
pub(crate) fn lock_logins() -> File {
    lock("login")
}

/// Opens a file of the folder and locks it against all other threads and processes until
/// it is closed.
fn lock(name: &str) -> File {
    let mut options = File::options();
    let file = options.read(true).write(true).create(true).truncate(false);
    let file = file.open(folder().join(name)).expect("a file");
    file.lock().expect("a lock");
    file
}
