//! What the token in a slot plays: a card with few tries, a pinpad, keys that want the PIN for each use,
//! more certificates than it has, and being taken out.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::new_id;

/// A token that is played. One that plays nothing is what the module below says of it.
///
/// It holds PINs, hence no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct SimulatedToken {
    id: u64,
    /// Bits set in `CK_TOKEN_INFO.flags`, after all others.
    pub set_flags: u64,
    /// Bits cleared in `CK_TOKEN_INFO.flags`, after all others but those of `set_flags`.
    pub clear_flags: u64,
    /// `CK_TOKEN_INFO.ulMinPinLen`
    pub min_pin_len: Option<u64>,
    /// `CK_TOKEN_INFO.ulMaxPinLen`
    pub max_pin_len: Option<u64>,
    /// `CK_TOKEN_INFO.label`: 32 bytes, whatever they are.
    pub label: Option<Vec<u8>>,
    /// The wrong PINs in a row, of the user and for single keys together, after which the PIN is locked.
    pub tries: Option<u32>,
    /// A reader that takes the PIN itself.
    pub pinpad: Option<Pinpad>,
    /// Makes all private keys such as want this PIN for each use (`CKA_ALWAYS_AUTHENTICATE`).
    pub always_authenticate: Option<String>,
    /// Certificates beside those of the token, for everybody to read.
    pub certificates: Vec<Certificates>,
    /// That the slot itself is gone.
    pub missing_slot: Option<MissingSlot>,
    /// How often it was pulled and put back.
    presence_changes: u64,
}

/// A slot that is gone: every call that names it is answered with `CKR_SLOT_ID_INVALID`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingSlot {
    /// `C_GetSlotList` does not list it.
    Unlisted,
    /// `C_GetSlotList` still lists it.
    StillListed,
}

/// So many certificate objects, each with a `CKA_ID` of its own.
#[derive(Clone, Serialize, Deserialize)]
pub struct Certificates {
    /// How many.
    pub count: u32,
    /// The file with the value of each.
    pub value: PathBuf,
    /// The `CKR_*` that each is read with, where it cannot be read.
    pub unreadable: Option<u64>,
}

impl SimulatedToken {
    /// One that plays nothing yet, and on which no wrong PIN has been tried.
    pub fn new() -> Self {
        Self {
            id: new_id(),
            set_flags: 0,
            clear_flags: 0,
            min_pin_len: None,
            max_pin_len: None,
            label: None,
            tries: None,
            pinpad: None,
            always_authenticate: None,
            certificates: Vec::new(),
            missing_slot: None,
            presence_changes: 0,
        }
    }

    /// Takes it out of its slot.
    pub fn remove(&mut self) {
        assert!(!self.is_removed(), "it is out already");
        self.presence_changes += 1;
    }

    /// Puts it back into its slot.
    pub fn insert(&mut self) {
        assert!(self.is_removed(), "it is in its slot");
        self.presence_changes += 1;
    }

    /// Whether it is out of its slot.
    pub fn is_removed(&self) -> bool {
        !self.presence_changes.is_multiple_of(2)
    }

    /// How often it was pulled and put back. Sessions and logins end with each.
    pub fn presence_changes(&self) -> u64 {
        self.presence_changes
    }

    /// Under which the module counts the wrong PINs.
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

/// What a person does at a pinpad.
#[derive(Clone, Serialize, Deserialize)]
pub enum Entry {
    /// Types a PIN, right or wrong.
    Pin(String),
    /// Does something else, which the reader answers with a `CKR_*`.
    Fail(u64),
}

impl Pinpad {
    /// One at which a person types the same PIN each time.
    pub fn typing(pin: &str) -> Self {
        Self::with_entries([Entry::Pin(pin.to_owned())])
    }

    /// One at which a person does one thing after the other, and the last one again and again.
    pub fn with_entries(entries: impl Into<Vec<Entry>>) -> Self {
        let entries = entries.into();
        assert!(!entries.is_empty(), "a pinpad without a person");
        Self { id: new_id(), entries, delay: 0, held: false }
    }

    /// The person takes that time for each.
    pub fn after(self, time: Duration) -> Self {
        Self { delay: time.as_millis().try_into().expect("a short time"), ..self }
    }

    /// The person waits until the test says so.
    pub fn held(self) -> Self {
        Self { held: true, ..self }
    }

    /// The person waits no more.
    pub fn released(self) -> Self {
        Self { held: false, ..self }
    }

    /// Under which the module counts the entries.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What is done at the `n`th time, beginning with 0.
    pub fn entry(&self, n: usize) -> &Entry {
        &self.entries[n.min(self.entries.len() - 1)]
    }

    /// What is done, one after the other.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How long the person takes.
    pub fn delay(&self) -> Duration {
        Duration::from_millis(self.delay)
    }

    /// Whether the person waits for the test.
    pub fn is_held(&self) -> bool {
        self.held
    }
}
