//! The ledger of tries: the counts in memory and in their file. A try is in the file before the PIN
//! is sent.

use std::sync::Mutex;

use super::attempts::PinSource;
use super::tries::{self, PinSlot, TriesTaken};
use crate::process::lock::lock;
use crate::process::private_file::{LockedFile, PrivateFile, PrivateFileError};

pub(super) struct Ledger {
    /// `None` if the user has no home folder. The counts then end with the bridge.
    file: Option<PrivateFile>,
    /// The counts as they were last read or written.
    known: Mutex<TriesTaken>,
}

/// Why a PIN of a page may not be sent.
#[derive(Debug)]
pub(super) enum NoTry {
    /// Too many PINs were not accepted.
    Used,
    /// The try could not be written to the file.
    NotRecorded,
}

/// Why the counts could not be changed.
#[derive(Debug, thiserror::Error)]
enum LedgerError {
    #[error(transparent)]
    File(#[from] PrivateFileError),
    #[error("cannot encode the tries of PINs: {0}")]
    Encode(#[from] std::io::Error),
}

impl Ledger {
    pub(super) fn new(file: Option<PrivateFile>) -> Self {
        let content = file.as_ref().and_then(|file| file.read().ok()).flatten();
        // If the file cannot be read, the first try reports that.
        let known = decode(content.as_deref().map(Vec::as_slice)).unwrap_or_default();
        Self { file, known: Mutex::new(known) }
    }

    /// The tries that were taken of all PINs of the token in this slot, as far as is known without
    /// a look at the file.
    pub(super) fn taken(&self, slot: &PinSlot) -> u32 {
        lock(&self.known).of_token(slot)
    }

    /// Takes a try before the PIN is sent. Blocks.
    ///
    /// If the file cannot be written, only the user's PINs are sent.
    pub(super) fn take(&self, slot: &PinSlot, source: PinSource) -> Result<(), NoTry> {
        let take = |tries: &mut TriesTaken| {
            if source == PinSource::Page && tries.of_token(slot) >= MAX_TAKEN_FOR_PAGE {
                return Err(NoTry::Used);
            }
            tries.take(slot);
            Ok(())
        };
        match (self.change(take), source) {
            (Ok(taken), _) => taken,
            (Err(error), PinSource::Page) => {
                tracing::error!(%error, "a PIN of a page is not sent, its try cannot be recorded");
                Err(NoTry::NotRecorded)
            }
            (Err(error), PinSource::User) => {
                tracing::error!(%error, "a try of a PIN is counted only until the bridge stops");
                lock(&self.known).take(slot);
                Ok(())
            }
        }
    }

    /// Gives a try back, because the token did not count it. Blocks. If that fails, the try stays
    /// taken.
    pub(super) fn give_back(&self, slot: &PinSlot) {
        report(self.change(|tries| tries.give_back(slot)));
    }

    /// Gives all tries of the slot back, because the PIN did its work. Blocks. If that fails, they
    /// stay taken.
    pub(super) fn clear(&self, slot: &PinSlot) {
        report(self.change(|tries| tries.clear(slot)));
    }

    fn change<R>(&self, change: impl FnOnce(&mut TriesTaken) -> R) -> Result<R, LedgerError> {
        let Some(file) = &self.file else { return Ok(change(&mut lock(&self.known))) };
        let locked = file.lock()?;
        let before = read_or_set_aside(&locked)?;
        let mut tries = before.clone();
        let result = change(&mut tries);
        if tries != before {
            let mut text = Vec::new();
            tries::write_text(&mut text, &tries)?;
            locked.replace(&text)?;
        }
        *lock(&self.known) = tries;
        Ok(result)
    }
}

fn report(settled: Result<(), LedgerError>) {
    if let Err(error) = settled {
        tracing::error!(%error, "a try of a PIN stays counted, although it was not lost");
    }
}

fn read_or_set_aside(file: &LockedFile<'_>) -> Result<TriesTaken, PrivateFileError> {
    let problem = match file.read() {
        Ok(content) => match decode(content.as_deref().map(Vec::as_slice)) {
            Ok(tries) => return Ok(tries),
            Err(problem) => problem.to_string(),
        },
        Err(problem) => problem.to_string(),
    };
    let renamed_to = file.set_aside()?;
    tracing::error!(
        renamed_to = %renamed_to.display(),
        %problem,
        "the file with the tries of PINs could not be read and was renamed; they count from zero"
    );
    Ok(TriesTaken::default())
}

fn decode(content: Option<&[u8]>) -> std::io::Result<TriesTaken> {
    let Some(content) = content else { return Ok(TriesTaken::default()) };
    tries::parse(std::str::from_utf8(content).map_err(std::io::Error::other)?)
}

/// A page's PIN is sent only while fewer tries than this are taken. Almost every card allows at
/// least three.
pub(super) const MAX_TAKEN_FOR_PAGE: u32 = 2;
