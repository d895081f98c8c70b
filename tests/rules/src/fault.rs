//! What a faulty module does: to its own process, and to the lengths that it returns.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Ulong;

/// A fault that the module causes in its own process during a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Writes to an invalid address.
    Segfault,
    /// Calls `abort`.
    Abort,
    /// Calls `exit` with a status.
    Exit(i32),
    /// Never returns, and sleeps.
    Hang,
    /// Never returns, and keeps a processor busy.
    Spin,
    /// Writes bytes to standard output.
    Print(Vec<u8>),
    /// Writes bytes to standard output and to every open pipe that is not excluded.
    WriteGarbage(Vec<u8>),
    /// Tries to replace the content of a file, and to put another file in its place.
    ReplaceFile {
        /// The file, by its absolute path.
        path: PathBuf,
        /// The new content.
        content: Vec<u8>,
    },
    /// Makes the parent process the tracer of this one (`PTRACE_TRACEME`), if the system lets it.
    BeTraced,
    /// Leaks this many bytes of memory.
    Leak(usize),
    /// Starts this many threads, which never end.
    StartThreads(usize),
    /// Changes the working folder to that of the rules, and changes the locale.
    ChangeFolderAndLocale,
    /// Installs signal handlers, which is the program's right. It ignores signals that would end
    /// the process. On a crash it writes [`CRASH_REPORT`] before the process ends.
    HandleSignals,
}

impl Fault {
    /// Whether the call returns after the fault.
    pub fn returns(&self) -> bool {
        match self {
            Self::Segfault | Self::Abort | Self::Exit(_) | Self::Hang | Self::Spin => false,
            Self::Print(_)
            | Self::WriteGarbage(_)
            | Self::ReplaceFile { .. }
            | Self::BeTraced
            | Self::Leak(_)
            | Self::StartThreads(_)
            | Self::ChangeFolderAndLocale
            | Self::HandleSignals => true,
        }
    }
}

/// What a module with signal handlers writes to standard error on a crash.
pub const CRASH_REPORT: &str = "the vendor's crash reporter was here";

/// A wrong length or count that the module returns: of a signature (`C_Sign`), of `CKA_VALUE`
/// (`C_GetAttributeValue`), of slots, mechanisms or objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WrongLength {
    /// Returned if the caller passes no buffer, to ask for the length.
    Announced(Ulong),
    /// Returned as the length written to the caller's buffer.
    Written(Ulong),
    /// Added to the length written to the caller's buffer.
    WrittenMore(Ulong),
}

impl WrongLength {
    /// The value to return instead of `right`. `has_buffer` says whether the caller
    /// passed a buffer.
    pub fn instead_of(self, right: Ulong, has_buffer: bool) -> Ulong {
        match (self, has_buffer) {
            (Self::Announced(len), false) | (Self::Written(len), true) => len,
            (Self::WrittenMore(more), true) => right.saturating_add(more),
            _ => right,
        }
    }
}
