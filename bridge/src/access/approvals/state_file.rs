//! The state file, which stores approvals and blocks as JSON. Writing replaces the file atomically.
//! Only the owner can read it. A file that cannot be read is renamed and never overwritten.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::AppStrategy;
use serde::{Deserialize, Serialize};

pub use super::record::{ApprovalRecord, BlockRecord, Decisions};
use super::record::{Validity, now};
use crate::access::origin::Origin;
use crate::process::folders::folders;
use crate::process::private_file::{LockedFile, PrivateFile, PrivateFileError, Stamp};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    origins: BTreeMap<Origin, ApprovalRecord>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    blocked: BTreeMap<Origin, BlockRecord>,
}

/// The state file at a path.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    file: PrivateFile,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("cannot read the state file ({problem}): {source}")]
    Unreadable { problem: String, source: PrivateFileError },
    #[error("cannot use the state file {path}: {source}")]
    File { path: PathBuf, source: PrivateFileError },
    #[error(
        "the state file {path} cannot be read ({problem}); the bridge renames it when it starts, \
         and then no site is approved or blocked"
    )]
    Damaged { path: PathBuf, problem: io::Error },
    #[error("cannot write the state file {path}: {source}")]
    Encode { path: PathBuf, source: io::Error },
}

impl StateFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { file: PrivateFile::at(path) }
    }

    /// The file in the platform's folder for state; `None` if the user has no home folder.
    pub(crate) fn in_home() -> Option<Self> {
        let folders = folders()?;
        // Windows and macOS have no folder for state, so use the folder for data there.
        let name = "approvals.json";
        Some(Self::at(folders.in_state_dir(name).unwrap_or_else(|| folders.in_data_dir(name))))
    }

    /// Whether this is the file that the bridge uses without `--state-file`.
    pub(crate) fn is_default(&self) -> bool {
        Self::in_home().is_some_and(|default| default.file == self.file)
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn folder(&self) -> &Path {
        self.file.folder()
    }

    /// The file beside it that counts the tries of PINs.
    pub(crate) fn pin_tries(&self) -> PrivateFile {
        PrivateFile::at(self.folder().join("pin-tries.json"))
    }

    /// Creates the folder if it is missing. Only the owner can access it.
    pub(crate) fn prepare_folder(&self) -> io::Result<()> {
        self.file.prepare_folder()
    }

    /// The current version of the file; `None` if the file does not exist.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.file.stamp()
    }

    /// Reads the decisions. A missing file has none. If the file cannot be
    /// read, it is renamed and the result is empty. Then this may block for 5 s.
    pub(crate) fn read(&self) -> Result<Decisions, StateError> {
        match self.peek() {
            Some(decisions) => Ok(decisions),
            None => read_or_rename(&self.lock()?),
        }
    }

    /// The decisions; `None` if the file cannot be read. Leaves the file as it is.
    pub(super) fn peek(&self) -> Option<Decisions> {
        decode(self.file.read().ok()?.as_deref()).ok()
    }

    /// Whether the file can be read. Leaves the file as it is.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        let content = self.file.read().map_err(|source| self.error(source))?;
        let problem =
            |problem: io::Error| StateError::Damaged { path: self.path().to_owned(), problem };
        decode(content.as_deref()).map(drop).map_err(problem)
    }

    /// Adds an approval, and ends a block of the origin.
    pub(crate) fn approve(
        &self,
        origin: &Origin,
        record: ApprovalRecord,
    ) -> Result<(), StateError> {
        self.change(|decisions| {
            decisions.origins.insert(origin.clone(), record);
            decisions.blocked.remove(origin);
        })
    }

    /// Removes an approval. Returns whether the file had one for the origin.
    pub(crate) fn revoke(&self, origin: &Origin) -> Result<bool, StateError> {
        self.change(|decisions| decisions.origins.remove(origin).is_some())
    }

    /// Blocks an origin, and removes its approval.
    pub(crate) fn block(&self, origin: &Origin) -> Result<(), StateError> {
        self.change(|decisions| {
            decisions.origins.remove(origin);
            decisions.blocked.entry(origin.clone()).or_insert_with(BlockRecord::from_now);
        })
    }

    /// Ends a block. Returns whether the origin was blocked.
    pub(crate) fn unblock(&self, origin: &Origin) -> Result<bool, StateError> {
        self.change(|decisions| decisions.blocked.remove(origin).is_some())
    }

    /// Changes the decisions while no other program does the same: the bridge and the command line
    /// may do so at the same time. Blocks for 5 s at most.
    pub(super) fn change<T>(
        &self,
        change: impl FnOnce(&mut Decisions) -> T,
    ) -> Result<T, StateError> {
        let locked = self.lock()?;
        let before = read_or_rename(&locked)?;
        let mut decisions = before.clone();
        let result = change(&mut decisions);
        if decisions != before {
            let mut content = Vec::new();
            write_text(&mut content, &decisions)
                .map_err(|source| StateError::Encode { path: self.path().to_owned(), source })?;
            locked.replace(&content).map_err(|source| self.error(source))?;
        }
        Ok(result)
    }

    fn lock(&self) -> Result<LockedFile<'_>, StateError> {
        self.file.lock().map_err(|source| self.error(source))
    }

    fn error(&self, source: PrivateFileError) -> StateError {
        StateError::File { path: self.path().to_owned(), source }
    }
}

fn read_or_rename(locked: &LockedFile<'_>) -> Result<Decisions, StateError> {
    let problem = match locked.read() {
        Ok(content) => match decode(content.as_deref()) {
            Ok(decisions) => return Ok(decisions),
            Err(problem) => problem.to_string(),
        },
        Err(problem) => problem.to_string(),
    };
    match locked.set_aside() {
        Ok(renamed) => {
            tracing::error!(
                renamed_to = %renamed.display(),
                %problem,
                "the state file could not be read and was renamed; no origin is approved any more"
            );
            Ok(Decisions::default())
        }
        Err(source) => Err(StateError::Unreadable { problem, source }),
    }
}

fn decode(content: Option<&Vec<u8>>) -> io::Result<Decisions> {
    let Some(content) = content else { return Ok(Decisions::default()) };
    parse(std::str::from_utf8(content).map_err(io::Error::other)?)
}

/// Parses the text of a state file. Leaves out approvals that have expired.
pub fn parse(text: &str) -> io::Result<Decisions> {
    let content: Content = serde_json::from_str(text)?;
    if content.version != VERSION {
        let problem =
            format!("it has version {}, and this program supports {VERSION}", content.version);
        return Err(io::Error::other(problem));
    }
    let Content { version: _, mut origins, blocked } = content;
    let now = now();
    origins.retain(|_, record| record.validity(now) != Validity::Expired);
    Ok(Decisions { origins, blocked })
}

/// Writes decisions in the form that [`parse`] reads.
pub fn write_text(file: &mut impl Write, decisions: &Decisions) -> io::Result<()> {
    let Decisions { origins, blocked } = decisions.clone();
    let content = Content { version: VERSION, origins, blocked };
    serde_json::to_writer_pretty(&mut *file, &content)?;
    file.write_all(b"\n")
}

const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::access::approvals::DAY;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    fn temporary_file() -> (tempfile::TempDir, StateFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::at(folder.path().join("state/approvals.json"));
        (folder, file)
    }

    #[test]
    fn approvals_are_read_until_they_expire_or_are_revoked() {
        let (_folder, file) = temporary_file();
        assert_eq!(file.read().unwrap(), Decisions::default());
        let (a, b) = (origin("https://a.example"), origin("https://b.example:8443"));
        let record = ApprovalRecord::from_now(DAY);
        file.approve(&a, record).unwrap();
        file.approve(&b, ApprovalRecord::from_now(Duration::ZERO)).unwrap();
        assert_eq!(file.read().unwrap().origins, BTreeMap::from([(a.clone(), record)]));
        assert!(file.revoke(&a).unwrap());
        assert!(!file.revoke(&a).unwrap());
        assert_eq!(file.read().unwrap(), Decisions::default());
    }

    #[test]
    fn a_block_ends_the_approval_and_an_approval_ends_the_block() {
        let (_folder, file) = temporary_file();
        let a = origin("https://a.example");
        let state = || {
            let Decisions { origins, blocked } = file.read().unwrap();
            (origins.contains_key(&a), blocked.contains_key(&a))
        };
        file.approve(&a, ApprovalRecord::from_now(DAY)).unwrap();
        assert_eq!(state(), (true, false));
        for _ in 0..2 {
            file.block(&a).unwrap();
            assert_eq!(state(), (false, true));
        }
        assert!(file.unblock(&a).unwrap());
        assert!(!file.unblock(&a).unwrap());
        assert_eq!(state(), (false, false));
        file.block(&a).unwrap();
        file.approve(&a, ApprovalRecord::from_now(DAY)).unwrap();
        assert_eq!(state(), (true, false));
    }

    #[test]
    fn an_unreadable_file_is_renamed_and_kept() {
        let path_as_origin = r#"{"version":1,"origins":
            {"https://a.example/path":{"approved":0,"expires":99999999999}}}"#;
        let texts = [
            "",
            "{",
            "null",
            r#"{"version":1}"#,
            r#"{"version":2,"origins":{}}"#,
            path_as_origin,
            r#"{"version":1,"origins":{},"more":true}"#,
            "\u{0}",
        ];
        let (_folder, file) = temporary_file();
        file.prepare_folder().unwrap();
        for (count, text) in texts.iter().enumerate() {
            fs::write(file.path(), text).unwrap();
            assert_eq!(file.read().unwrap(), Decisions::default(), "{text}");
            assert!(!file.path().exists(), "{text}");
            let renamed = file.folder().join(format!("approvals.json.unreadable-{}", count + 1));
            assert_eq!(fs::read_to_string(renamed).unwrap(), *text);
        }
        fs::write(file.path(), "{").unwrap();
        file.approve(&origin("https://a.example"), ApprovalRecord::from_now(DAY)).unwrap();
        assert_eq!(file.read().unwrap().origins.len(), 1);
        let renamed = file.folder().join(format!("approvals.json.unreadable-{}", texts.len() + 1));
        assert_eq!(fs::read_to_string(renamed).unwrap(), "{");
    }
}
