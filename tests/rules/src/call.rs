//! The record of the calls: one JSON line for each, appended in one go when it returns, and one before
//! it where it is made to wait. No PIN is in it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// A call waits, by a rule, for a person at the pinpad or for a slot event; or it never comes back.
    Blocked(Call),
    /// A call has returned.
    Returned(Call),
}

/// A call of a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// When it began, in microseconds since 1970.
    pub at: u64,
    /// The process.
    pub pid: u32,
    /// The function, such as `C_Login`.
    pub function: String,
    /// The slot, also where only the session is given to the function.
    pub slot: Option<u64>,
    /// The session.
    pub session: Option<u64>,
    /// The type of user of a `C_Login`.
    pub user: Option<User>,
    /// The length of the PIN that a `C_Login` was called with; `None` where it had none.
    pub pin_len: Option<u64>,
    /// Who has answered. In [`Line::Blocked`] nobody has yet.
    pub answered_by: AnsweredBy,
    /// The `CKR_*`; 0 in [`Line::Blocked`].
    pub result: u64,
}

impl Call {
    /// Whether the token has heard of it, be it the real one or a card that is played.
    pub fn reached_token(&self) -> bool {
        self.answered_by != AnsweredBy::TestModule
    }
}

/// Types of users (PKCS#11 3.2, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// `CKU_SO`
    SecurityOfficer,
    /// `CKU_USER`
    User,
    /// `CKU_CONTEXT_SPECIFIC`
    ContextSpecific,
    /// None of the standard's.
    Other(u64),
}

/// How far a call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnsweredBy {
    /// The module of the tests has answered; the token never heard of it.
    TestModule,
    /// The module of the tests has answered as a card that it plays, which has judged a PIN.
    SimulatedToken,
    /// The module below was called. Its answer may have been changed.
    RealModule,
}

/// Appends a line.
pub fn append(folder: &Path, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    OpenOptions::new().append(true).open(folder.join(FILE))?.write_all(&text)
}

/// Makes an empty record.
pub fn create(folder: &Path) -> io::Result<()> {
    fs::write(folder.join(FILE), "")
}

/// What has been recorded so far.
pub fn read(folder: &Path) -> io::Result<Vec<Line>> {
    let text = fs::read_to_string(folder.join(FILE))?;
    // The last line may not be whole yet.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

const FILE: &str = "calls";
