//! What the program was asked and how it answered: one JSON line for each event, in the order in which
//! they happened, whatever number of programs run at a time. It never holds a PIN.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// A line of the transcript.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// When it was written, in microseconds since 1970.
    pub at: u64,
    /// The process that wrote it.
    pub pid: u32,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The program was started; an answer that is not for a question was given there and then.
    Started {
        /// That answer's number.
        answer: Option<u32>,
    },
    /// A dialog was opened.
    Opened {
        /// The question.
        kind: Kind,
        /// What had been set by then, in the order in which it was said: command and decoded parameter.
        settings: Vec<(String, String)>,
        /// The number of the answer that it is going to get.
        answer: Option<u32>,
    },
    /// The dialog that this process had open was closed.
    Answered(String),
    /// The client said goodbye or closed the pipe.
    Ended,
    /// The client did what a real one does not bear, or the script had an answer to another question.
    Problem(String),
}

/// The question of a dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// `GETPIN`
    Pin,
    /// `CONFIRM`
    Confirmation,
    /// `MESSAGE`, or `CONFIRM --one-button`
    Message,
}

/// Writes a line of this process, in one go.
pub(crate) fn write(folder: &Path, event: Event) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let line = Line {
        at: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
        pid: std::process::id(),
        event,
    };
    let mut text = serde_json::to_vec(&line)?;
    text.push(b'\n');
    // Not created: where the test is over there is no folder any more, and nobody to read it.
    OpenOptions::new().append(true).open(folder.join(FILE))?.write_all(&text)
}

/// Makes an empty one.
pub fn create(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(FILE), "")
}

/// What has been written so far.
pub fn read(folder: &Path) -> io::Result<Vec<Line>> {
    let text = fs::read_to_string(folder.join(FILE))?;
    // The last line may not be whole yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

const FILE: &str = "transcript";
