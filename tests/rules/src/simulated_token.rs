//! The simulation of a token in a slot: few PIN tries, a pinpad, keys that need the PIN for each
//! use, more certificates, and removal.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Ulong;

use crate::new_id;
use crate::quirks::Quirks;

/// A simulated token. Whatever is not set comes from the wrapped module.
///
/// It contains PINs, therefore it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SimulatedToken {
    id: u64,
    /// Bits to set in `CK_TOKEN_INFO.flags`, applied last.
    pub set_flags: Ulong,
    /// Bits to clear in `CK_TOKEN_INFO.flags`, applied before `set_flags`.
    pub clear_flags: Ulong,
    /// `CK_TOKEN_INFO.ulMinPinLen`
    pub min_pin_len: Option<Ulong>,
    /// `CK_TOKEN_INFO.ulMaxPinLen`
    pub max_pin_len: Option<Ulong>,
    /// `CK_TOKEN_INFO.label`: any 32 bytes.
    pub label: Option<Vec<u8>>,
    /// `CK_TOKEN_INFO.serialNumber`: any 16 bytes.
    pub serial: Option<[u8; 16]>,
    /// `CK_TOKEN_INFO.utcTime`: any 16 bytes.
    pub utc_time: Option<[u8; 16]>,
    /// `CK_TOKEN_INFO.ulTotalPublicMemory`
    pub public_memory: Option<Ulong>,
    /// `CK_TOKEN_INFO.ulMaxSessionCount`
    pub max_sessions: Option<Ulong>,
    /// The number of consecutive wrong PINs that locks the PIN. PINs for the login and for single
    /// keys count together.
    pub tries: Option<u32>,
    /// A reader with a pinpad.
    pub pinpad: Option<Pinpad>,
    /// The PIN that all private keys need for each use (`CKA_ALWAYS_AUTHENTICATE`).
    pub always_authenticate: Option<String>,
    /// Certificates in addition to those of the token, readable without a login.
    pub certificates: Vec<Certificates>,
    /// What it does differently from the wrapped module.
    pub quirks: Quirks,
    /// Set if the slot itself does not exist any more.
    pub missing_slot: Option<MissingSlot>,
    /// How often it was removed or inserted.
    presence_changes: u64,
}

/// A slot that does not exist any more. Every call that names it returns `CKR_SLOT_ID_INVALID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingSlot {
    /// `C_GetSlotList` does not list it.
    Unlisted,
    /// `C_GetSlotList` still lists it.
    StillListed,
}

/// A number of certificate objects, each with a different `CKA_ID`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Certificates {
    /// The number of objects.
    pub count: u32,
    /// The file with the `CKA_VALUE` of each object.
    pub value: PathBuf,
    /// If set, reading an object returns this `CKR_*`.
    pub unreadable: Option<Ulong>,
}

impl SimulatedToken {
    /// A token without any simulation, and without a wrong PIN so far.
    pub fn new() -> Self {
        Self {
            id: new_id(),
            set_flags: 0,
            clear_flags: 0,
            min_pin_len: None,
            max_pin_len: None,
            label: None,
            serial: None,
            utc_time: None,
            public_memory: None,
            max_sessions: None,
            tries: None,
            pinpad: None,
            always_authenticate: None,
            certificates: Vec::new(),
            quirks: Quirks::default(),
            missing_slot: None,
            presence_changes: 0,
        }
    }

    /// Removes the token from its slot.
    pub fn remove(&mut self) {
        assert!(!self.is_removed(), "the token is already removed");
        self.presence_changes += 1;
    }

    /// Inserts the token into its slot again.
    pub fn insert(&mut self) {
        assert!(self.is_removed(), "the token is already in its slot");
        self.presence_changes += 1;
    }

    /// Whether the token is removed.
    pub fn is_removed(&self) -> bool {
        !self.presence_changes.is_multiple_of(2)
    }

    /// How often the token was removed or inserted. Each change ends its sessions and its login.
    pub fn presence_changes(&self) -> u64 {
        self.presence_changes
    }

    /// The id under which the module counts wrong PINs.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Default for SimulatedToken {
    fn default() -> Self {
        Self::new()
    }
}

/// A reader with a pinpad (`CKF_PROTECTED_AUTHENTICATION_PATH`).
#[derive(Clone, Serialize, Deserialize)]
pub struct Pinpad {
    id: u64,
    entries: Vec<Entry>,
    delay: u64,
    held: bool,
}

/// What the user does at a pinpad.
#[derive(Clone, Serialize, Deserialize)]
pub enum Entry {
    /// Types a PIN.
    Pin(String),
    /// Does something else. The reader returns this `CKR_*`.
    Fail(Ulong),
}

impl Pinpad {
    /// A pinpad at which the user types the same PIN each time.
    pub fn typing(pin: &str) -> Self {
        Self::with_entries([Entry::Pin(pin.to_owned())])
    }

    /// A pinpad with a list of entries. The user repeats the last one.
    pub fn with_entries(entries: impl Into<Vec<Entry>>) -> Self {
        let entries = entries.into();
        assert!(!entries.is_empty(), "a pinpad needs at least one entry");
        Self { id: new_id(), entries, delay: 0, held: false }
    }

    /// Sets the time that the user takes for each entry.
    pub fn after(self, time: Duration) -> Self {
        Self { delay: time.as_millis().try_into().expect("a short time"), ..self }
    }

    /// Makes the user wait until the test releases the pinpad.
    pub fn held(self) -> Self {
        Self { held: true, ..self }
    }

    /// Lets the user go on.
    pub fn released(self) -> Self {
        Self { held: false, ..self }
    }

    /// The id under which the module counts entries.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The entry number `n`, from 0.
    pub fn entry(&self, n: usize) -> &Entry {
        &self.entries[n.min(self.entries.len() - 1)]
    }

    /// All entries in their order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The time that the user takes.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay)
    }

    /// Whether the user waits for the test.
    pub fn is_held(&self) -> bool {
        self.held
    }
}
