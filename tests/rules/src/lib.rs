//! What passes between a test and the PKCS#11 module of the tests, as files in a folder: the rules, which
//! the test may change at any time, and the record of the calls, which the module only appends to.
//! PINs may stand in the rules, and never in the record.

pub mod call;
pub mod fault;
pub mod rule;
pub mod simulated_token;
pub mod slot_events;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use rule::Rule;
use simulated_token::SimulatedToken;
use slot_events::SlotEvents;

/// The variable of the environment that names the folder to the module.
pub const FOLDER: &str = "PKCS11_BRIDGE_TEST_MODULE";

/// Everything that the module is told.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rules {
    /// The path of the module that calls are passed on to. Read once.
    pub wrapped_module: PathBuf,
    /// All that fit a call take part in it, in their order.
    pub rules: Vec<Rule>,
    /// What the tokens in some slots play, by the id of the slot.
    pub simulated_tokens: BTreeMap<u64, SimulatedToken>,
    /// Pipes of whoever runs the tests, as `/proc` names them: no rubbish is written to those.
    pub excluded_pipes: BTreeSet<String>,
    /// What `C_WaitForSlotEvent` does.
    pub slot_events: SlotEvents,
}

impl Rules {
    /// The file that holds them.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("rules.json")
    }

    /// Puts them in force with the next call. Whoever reads sees the old ones or the new ones whole.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let unfinished = folder.join("rules.unfinished");
        fs::write(&unfinished, serde_json::to_vec(self)?)?;
        fs::rename(unfinished, Self::file(folder))
    }

    /// Reads them.
    pub fn read(folder: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(Self::file(folder))?)?)
    }
}

/// Under which the module counts, and another for each thing that it counts.
fn new_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
