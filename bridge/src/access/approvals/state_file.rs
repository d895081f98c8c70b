//! The state file, which stores approvals as JSON. Writing replaces the file atomically. Only the
//! owner can read it. A file that cannot be read is renamed and never overwritten.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use etcetera::AppStrategy;
use serde::{Deserialize, Serialize};

use crate::access::origin::Origin;
use crate::process::folders::folders;

/// The approvals in a state file.
pub type ApprovalRecords = BTreeMap<Origin, ApprovalRecord>;

/// When an approval began and when it expires, in seconds since 1970. The bridge uses only the
/// expiry; the start is for people who read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRecord {
    pub(crate) approved: u64,
    pub(crate) expires: u64,
}

impl ApprovalRecord {
    pub(crate) fn from_now(lifetime: Duration) -> Self {
        let approved = unix_seconds(SystemTime::now());
        Self { approved, expires: approved.saturating_add(lifetime.as_secs()) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    origins: ApprovalRecords,
}

/// The path of a state file.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

/// A version of the file. Each write replaces the file, so each version has its own inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: u64,
    modified: Option<SystemTime>,
    len: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error(
        "cannot read the state file {path} ({problem}), and cannot rename it: {source}; move it"
    )]
    Unreadable { path: PathBuf, problem: String, source: io::Error },
    #[error("cannot write the state file {path}: {source}; check the permissions of its folder")]
    Write { path: PathBuf, source: io::Error },
}

impl StateFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path: std::path::absolute(&path).unwrap_or(path) }
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
        Self::in_home().is_some_and(|default| default.path == self.path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The current version of the file; `None` if the file does not exist.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let file = 0;
        Some(Stamp { file, modified: metadata.modified().ok(), len: metadata.len() })
    }

    /// Reads the approvals that have not expired. A missing file has none. If the file cannot be
    /// read, it is renamed and the result is empty.
    pub(crate) fn read(&self) -> Result<ApprovalRecords, StateError> {
        match read(&self.path) {
            Ok(records) => Ok(records),
            Err(_) => self.locked(|| self.read_or_rename()),
        }
    }

    /// Adds an approval.
    pub(crate) fn approve(
        &self,
        origin: &Origin,
        record: ApprovalRecord,
    ) -> Result<(), StateError> {
        self.change(|records| {
            records.insert(origin.clone(), record);
        })
    }

    /// Removes an approval. Returns whether the file had one for the origin.
    pub(crate) fn revoke(&self, origin: &Origin) -> Result<bool, StateError> {
        let mut was_approved = false;
        self.change(|records| was_approved = records.remove(origin).is_some())?;
        Ok(was_approved)
    }

    fn change(&self, change: impl FnOnce(&mut ApprovalRecords)) -> Result<(), StateError> {
        self.locked(|| {
            let before = self.read_or_rename()?;
            let mut records = before.clone();
            change(&mut records);
            if records == before {
                return Ok(());
            }
            self.write(&records).map_err(|source| self.write_error(source))
        })
    }

    /// Runs `work` while no other program does the same. The bridge and the command line may change
    /// the file at the same time.
    fn locked<T>(&self, work: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
        let lock = self.prepare_folder().and_then(|()| {
            // Do not truncate: an existing file with this name may not be ours.
            let lock = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.with_suffix("lock"))?;
            lock.lock()?;
            Ok(lock)
        });
        let _lock = lock.map_err(|source| self.write_error(source))?;
        work()
    }

    /// Creates the folder if it is missing. Only the owner can access it.
    pub(crate) fn prepare_folder(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(self.folder())
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    fn read_or_rename(&self) -> Result<ApprovalRecords, StateError> {
        let problem = match read(&self.path) {
            Ok(records) => return Ok(records),
            Err(problem) => problem,
        };
        let renamed = self.unused_name();
        fs::rename(&self.path, &renamed).map_err(|source| {
            let (path, problem) = (self.path.clone(), problem.to_string());
            StateError::Unreadable { path, problem, source }
        })?;
        tracing::error!(
            path = %self.path.display(),
            renamed_to = %renamed.display(),
            %problem,
            "the state file could not be read and was renamed; no origin is approved any more"
        );
        Ok(ApprovalRecords::new())
    }

    fn unused_name(&self) -> PathBuf {
        let name = |number: u32| self.with_suffix(&format!("unreadable-{number}"));
        // Only the holder of the lock uses these names, so no other program takes it in between.
        (1..).map(name).find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| name(0))
    }

    fn with_suffix(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{suffix}"));
        name.into()
    }

    fn write(&self, records: &ApprovalRecords) -> io::Result<()> {
        // `NamedTempFile` creates the file with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(self.folder())?;
        write_text(&mut file, records)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // Sync the folder too, so that the new name survives a power failure.
        #[cfg(unix)]
        File::open(self.folder())?.sync_all()?;
        Ok(())
    }

    fn write_error(&self, source: io::Error) -> StateError {
        StateError::Write { path: self.path.clone(), source }
    }
}

/// Seconds since 1970.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn read(path: &Path) -> io::Result<ApprovalRecords> {
    let text = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(ApprovalRecords::new()),
        Ok(metadata) if metadata.len() > MAX_LEN => {
            return Err(io::Error::other("it is too large"));
        }
        Ok(_) => fs::read_to_string(path)?,
        Err(error) => return Err(error),
    };
    parse(&text)
}

/// Parses the text of a state file. Returns the approvals that have not expired.
pub fn parse(text: &str) -> io::Result<ApprovalRecords> {
    let content: Content = serde_json::from_str(text)?;
    if content.version != VERSION {
        let problem =
            format!("it has version {}, and this program supports {VERSION}", content.version);
        return Err(io::Error::other(problem));
    }
    let now = unix_seconds(SystemTime::now());
    Ok(content.origins.into_iter().filter(|(_, record)| now < record.expires).collect())
}

/// Writes approvals in the form that [`parse`] reads.
pub fn write_text(file: &mut impl Write, records: &ApprovalRecords) -> io::Result<()> {
    let content = Content { version: VERSION, origins: records.clone() };
    serde_json::to_writer_pretty(&mut *file, &content)?;
    file.write_all(b"\n")
}

const VERSION: u32 = 1;
const MAX_LEN: u64 = 1 << 20;

#[cfg(test)]
mod tests {
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
        assert_eq!(file.read().unwrap(), ApprovalRecords::new());
        let (a, b) = (origin("https://a.example"), origin("https://b.example:8443"));
        let record = ApprovalRecord::from_now(DAY);
        file.approve(&a, record).unwrap();
        file.approve(&b, ApprovalRecord::from_now(Duration::ZERO)).unwrap();
        assert_eq!(file.read().unwrap(), ApprovalRecords::from([(a.clone(), record)]));
        assert!(file.revoke(&a).unwrap());
        assert!(!file.revoke(&a).unwrap());
        assert_eq!(file.read().unwrap(), ApprovalRecords::new());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, file) = temporary_file();
        file.approve(&origin("https://a.example"), ApprovalRecord::from_now(DAY)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(file.folder())), (0o600, 0o700));
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
            assert_eq!(file.read().unwrap(), ApprovalRecords::new(), "{text}");
            assert!(!file.path().exists(), "{text}");
            let renamed = file.folder().join(format!("approvals.json.unreadable-{}", count + 1));
            assert_eq!(fs::read_to_string(renamed).unwrap(), *text);
        }
        fs::write(file.path(), "{").unwrap();
        file.approve(&origin("https://a.example"), ApprovalRecord::from_now(DAY)).unwrap();
        assert_eq!(file.read().unwrap().len(), 1);
        let renamed = file.folder().join(format!("approvals.json.unreadable-{}", texts.len() + 1));
        assert_eq!(fs::read_to_string(renamed).unwrap(), "{");
    }
}
