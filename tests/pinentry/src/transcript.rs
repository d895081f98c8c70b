//! The transcript: what the programs were asked and what they answered. Each event is one JSON
//! line, in the order of the events of all programs. It never contains a PIN.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A line of the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The time of the event, in microseconds since 1970.
    pub at: u64,
    /// The id of the process.
    pub pid: u32,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A program started. It may have given an answer instead of the greeting.
    Started {
        /// The number of that answer.
        answer: Option<u32>,
    },
    /// A program opened a dialog.
    Opened {
        /// The kind of question.
        kind: Kind,
        /// The settings so far, in their order: the command and its decoded parameter.
        settings: Vec<(String, String)>,
        /// The number of the answer that it will get.
        answer: Option<u32>,
    },
    /// A program asked for digits before a PIN, and the user typed them.
    Confirmed {
        /// As in [`Event::Opened`].
        settings: Vec<(String, String)>,
    },
    /// A program closed its dialog.
    Answered(String),
    /// The client sent `BYE` or closed the pipe.
    Ended,
    /// The client did what a real pinentry does not accept, or the script
    /// answered another question.
    Problem(String),
}

/// The question of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `GETPIN` for a PIN.
    Pin,
    /// `GETPIN` for the digits that allow a site.
    Consent,
    /// `GETPIN` for other digits.
    Digits,
    /// `CONFIRM`: a button, which a stray key can press.
    Confirmation,
    /// `MESSAGE`, or `CONFIRM --one-button`
    Message,
}

/// Appends a line of this process in one write.
pub(crate) fn write(folder: &Path, event: Event) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = Line {
        at: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
        pid: std::process::id(),
        event,
    };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    // The file is not created, because the folder does not exist any more after the test.
    OpenOptions::new().append(true).open(folder.join(FILE))?.write_all(&text)
}

/// Creates an empty transcript.
pub fn create(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(FILE), "")
}

/// Reads all lines so far.
pub fn read(folder: &Path) -> io::Result<Vec<Line>> {
    let text = fs::read_to_string(folder.join(FILE))?;
    // The last line may be incomplete.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    complete.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

const FILE: &str = "transcript";
