//! The interface between a test and the PKCS#11 module of the tests. It consists of files in a
//! folder: the rules, which the test may change at any time, and the record of calls, to which the
//! module appends. The rules may contain PINs, the record must not.

pub mod call;
pub mod fault;
pub mod quirks;
pub mod rule;
pub mod simulated_token;
pub mod slot_events;
pub mod software_token;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use rule::Rule;
use simulated_token::SimulatedToken;
use slot_events::SlotEvents;

/// `CK_ULONG` of PKCS#11. It has 32 bits on Windows.
pub type Ulong = std::ffi::c_ulong;

/// The environment variable that names the folder to the module.
pub const FOLDER: &str = "PKCS11_BRIDGE_TEST_MODULE";

/// The rules for the module.
#[derive(Clone, Serialize, Deserialize)]
pub struct Rules {
    /// The path of the module that gets all calls. The module reads it only once.
    pub wrapped_module: PathBuf,
    /// Rules for single functions. All that match a call apply, in their order.
    pub rules: Vec<Rule>,
    /// The simulated tokens by slot id.
    pub simulated_tokens: BTreeMap<Ulong, SimulatedToken>,
    /// Pipes of the test process, as `/proc` names them. [`fault::Fault::WriteGarbage`] does not
    /// write to them.
    pub excluded_pipes: BTreeSet<String>,
    /// The behaviour of `C_WaitForSlotEvent`.
    pub slot_events: SlotEvents,
}

impl Rules {
    /// The path of the rules file.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("rules.json")
    }

    /// Writes the rules file. It replaces the file in one step, so that the module reads either
    /// version whole. The rules apply from the next call on.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let unfinished = folder.join("rules.unfinished");
        fs::write(&unfinished, serde_json::to_vec(self)?)?;
        fs::rename(unfinished, Self::file(folder))
    }

    /// Reads the rules file.
    pub fn read(folder: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&fs::read(Self::file(folder))?)?)
    }
}

/// A new id, under which the module counts.
fn new_id() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}
