//! What a faulty module does to its own process during a call, beside answering it or instead.

use serde::{Deserialize, Serialize};

/// A fault of a module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Writes to memory that is not its own.
    Segfault,
    /// Calls `abort`.
    Abort,
    /// Calls `exit` with a status.
    Exit(i32),
    /// Never answers, and waits.
    Hang,
    /// Never answers, and uses all of a processor.
    Spin,
    /// Writes bytes to standard output.
    Print(Vec<u8>),
    /// Writes bytes to standard output and to every pipe that it finds open, but for those that are spared.
    WriteGarbage(Vec<u8>),
    /// Keeps so many bytes, which it has written to.
    Leak(usize),
    /// Starts so many threads, which never end.
    StartThreads(usize),
    /// Makes the folder of the rules the working folder, and sets another locale.
    ChangeFolderAndLocale,
    /// Handles signals that are the program's to handle: those that end it pass by, and of a crash it says
    /// [`CRASH_REPORT`] before the process ends by it.
    HandleSignals,
}

impl Fault {
    /// Whether the call comes back from it.
    pub fn returns(&self) -> bool {
        match self {
            Self::Segfault | Self::Abort | Self::Exit(_) | Self::Hang | Self::Spin => false,
            Self::Print(_)
            | Self::WriteGarbage(_)
            | Self::Leak(_)
            | Self::StartThreads(_)
            | Self::ChangeFolderAndLocale
            | Self::HandleSignals => true,
        }
    }
}

/// What a module that handles signals writes to standard error when it crashes.
pub const CRASH_REPORT: &str = "the vendor's crash reporter was here";

/// What a module says instead of a length or count that it was asked for: of a signature
/// (`C_Sign`), of `CKA_VALUE` (`C_GetAttributeValue`), of slots, mechanisms or objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrongLength {
    /// It announces another one to a caller that has given no room yet.
    Announced(u64),
    /// It says that it has written so much, whatever it has.
    Written(u64),
    /// It says that it has written so much more than it has.
    WrittenMore(u64),
}

impl WrongLength {
    /// What it says instead of `truth`, where there was room or not.
    pub fn instead_of(self, truth: u64, room: bool) -> u64 {
        match (self, room) {
            (Self::Announced(len), false) | (Self::Written(len), true) => len,
            (Self::WrittenMore(more), true) => truth.saturating_add(more),
            _ => truth,
        }
    }
}
