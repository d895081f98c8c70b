//! The record of the calls: one JSON line for each call, appended when it returns. If the call has
//! to wait, a second line comes before it. The record contains no PIN.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Ulong;

/// One line of the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Line {
    /// A call waits because of a rule, for the user at the pinpad, or for a slot event. Or
    /// it never returns.
    Blocked(Call),
    /// A call has returned.
    Returned(Call),
}

/// A call of a PKCS#11 function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The start of the call, in microseconds since 1970.
    pub at: u64,
    /// The process id of the caller.
    pub pid: u32,
    /// The function, such as `C_Login`.
    pub function: String,
    /// The slot, or the slot of the session.
    pub slot: Option<Ulong>,
    /// The session.
    pub session: Option<Ulong>,
    /// The user type of a `C_Login`.
    pub user: Option<User>,
    /// The length of the PIN of a `C_Login`; `None` without a PIN.
    pub pin_len: Option<Ulong>,
    /// What answered the call. Not yet valid in [`Line::Blocked`].
    pub answered_by: AnsweredBy,
    /// The `CKR_*`; 0 in [`Line::Blocked`].
    pub result: Ulong,
}

impl Call {
    /// Whether the call reached the real token or a simulated one.
    pub fn reached_token(&self) -> bool {
        self.answered_by != AnsweredBy::TestModule
    }
}

/// The types of users (PKCS#11 3.2, section 3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum User {
    /// `CKU_SO`
    SecurityOfficer,
    /// `CKU_USER`
    User,
    /// `CKU_CONTEXT_SPECIFIC`
    ContextSpecific,
    /// A type that PKCS#11 does not define.
    Other(Ulong),
}

/// What answered a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AnsweredBy {
    /// The test module. The call did not reach the token.
    TestModule,
    /// A simulated token, which has checked a PIN.
    SimulatedToken,
    /// The wrapped module. A rule may have changed its answer.
    RealModule,
}

/// Appends a line to the record.
pub fn append(folder: &Path, line: &Line) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    OpenOptions::new().append(true).open(folder.join(FILE))?.write_all(&text)
}

/// Creates an empty record.
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

const FILE: &str = "calls";
