//! The file that remembers approvals: JSON with a version, written whole or not at all, readable for its
//! owner only. One that cannot be read is set aside and never written over.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use etcetera::AppStrategy;
use serde::{Deserialize, Serialize};

use crate::access::origin::Origin;
use crate::config::folders;

/// The approvals in a state file.
pub(crate) type Remembered = BTreeMap<Origin, Approved>;

/// From when, for people who read the file, and until when an origin is approved, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approved {
    pub(crate) approved: u64,
    pub(crate) expires: u64,
}

impl Approved {
    pub(crate) fn from_now(lifetime: Duration) -> Self {
        let approved = unix_seconds(SystemTime::now());
        Self { approved, expires: approved.saturating_add(lifetime.as_secs()) }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    origins: Remembered,
}

/// The place of the file.
#[derive(Clone, Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
}

/// A state of the file. It is replaced and not written to, so that it is another file each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    file: u64,
    modified: Option<SystemTime>,
    len: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("the state file {path} cannot be read ({problem}), and not be set aside: {source}")]
    SetAside { path: PathBuf, problem: String, source: io::Error },
    #[error("the state file {path} cannot be written: {source}")]
    Write { path: PathBuf, source: io::Error },
}

impl StateFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path: std::path::absolute(&path).unwrap_or(path) }
    }

    /// The file in the platform's folder for state; `None` where the user has no home folder.
    pub(crate) fn in_home() -> Option<Self> {
        let folders = folders()?;
        // Platforms without a folder for state keep it with the data.
        let name = "approvals.json";
        Some(Self::at(folders.in_state_dir(name).unwrap_or_else(|| folders.in_data_dir(name))))
    }

    /// Whether it is the one that is meant where none is named.
    pub(crate) fn is_default(&self) -> bool {
        Self::in_home().is_some_and(|default| default.path == self.path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What tells one state of the file from another; `None` where there is none.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        let metadata = fs::metadata(&self.path).ok()?;
        #[cfg(unix)]
        let file = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let file = 0;
        Some(Stamp { file, modified: metadata.modified().ok(), len: metadata.len() })
    }

    /// The approvals that still hold; none where there is no file. A file that cannot be read is set
    /// aside, and none is left.
    pub(crate) fn read(&self) -> Result<Remembered, StateError> {
        match read(&self.path) {
            Ok(remembered) => Ok(remembered),
            Err(_) => self.locked(|| self.read_or_set_aside()),
        }
    }

    /// Adds an approval.
    pub(crate) fn approve(&self, origin: &Origin, approved: Approved) -> Result<(), StateError> {
        self.change(|remembered| {
            remembered.insert(origin.clone(), approved);
        })
    }

    /// Takes an approval away. Says whether there was one.
    pub(crate) fn revoke(&self, origin: &Origin) -> Result<bool, StateError> {
        let mut was_there = false;
        self.change(|remembered| was_there = remembered.remove(origin).is_some())?;
        Ok(was_there)
    }

    fn change(&self, change: impl FnOnce(&mut Remembered)) -> Result<(), StateError> {
        self.locked(|| {
            let before = self.read_or_set_aside()?;
            let mut remembered = before.clone();
            change(&mut remembered);
            if remembered == before {
                return Ok(());
            }
            self.write(&remembered).map_err(|source| self.write_error(source))
        })
    }

    /// One program at a time: the bridge and the command line may change it at once.
    fn locked<T>(&self, work: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
        let lock = self.prepare_folder().and_then(|()| {
            // What stands there under that name is not ours to empty.
            let lock = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .open(self.beside("lock"))?;
            lock.lock()?;
            Ok(lock)
        });
        let _lock = lock.map_err(|source| self.write_error(source))?;
        work()
    }

    /// Makes the folder, for its owner only, where it is missing.
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

    fn read_or_set_aside(&self) -> Result<Remembered, StateError> {
        let problem = match read(&self.path) {
            Ok(remembered) => return Ok(remembered),
            Err(problem) => problem,
        };
        let aside = self.free_name();
        fs::rename(&self.path, &aside).map_err(|source| {
            let (path, problem) = (self.path.clone(), problem.to_string());
            StateError::SetAside { path, problem, source }
        })?;
        tracing::error!(
            path = %self.path.display(),
            kept_as = %aside.display(),
            %problem,
            "the state file cannot be read and was set aside; no origin is approved any more"
        );
        Ok(Remembered::new())
    }

    fn free_name(&self) -> PathBuf {
        let name = |number: u32| self.beside(&format!("unreadable-{number}"));
        // Numbers of the lock's holder only, so that nobody takes it meanwhile.
        (1..).map(name).find(|path| fs::symlink_metadata(path).is_err()).unwrap_or_else(|| name(0))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{ending}"));
        name.into()
    }

    fn write(&self, origins: &Remembered) -> io::Result<()> {
        // Made with mode 0600.
        let mut file = tempfile::NamedTempFile::new_in(self.folder())?;
        write_text(&mut file, origins)?;
        file.as_file().sync_all()?;
        file.persist(&self.path)?;
        // The new name has to last too.
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

fn read(path: &Path) -> io::Result<Remembered> {
    let text = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Remembered::new()),
        Ok(metadata) if metadata.len() > MAX_LEN => {
            return Err(io::Error::other("it is too large"));
        }
        Ok(_) => fs::read_to_string(path)?,
        Err(error) => return Err(error),
    };
    parse(&text)
}

/// What a state file of that text approves now.
pub(crate) fn parse(text: &str) -> io::Result<Remembered> {
    let content: Content = serde_json::from_str(text)?;
    if content.version != VERSION {
        let problem =
            format!("it is of version {}, and this program knows {VERSION}", content.version);
        return Err(io::Error::other(problem));
    }
    let now = unix_seconds(SystemTime::now());
    Ok(content.origins.into_iter().filter(|(_, approved)| now < approved.expires).collect())
}

/// Writes what [`parse`] reads.
pub(crate) fn write_text(file: &mut impl Write, origins: &Remembered) -> io::Result<()> {
    let content = Content { version: VERSION, origins: origins.clone() };
    serde_json::to_writer_pretty(&mut *file, &content)?;
    file.write_all(b"\n")
}

const VERSION: u32 = 1;
const MAX_LEN: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DAY;

    fn origin(text: &str) -> Origin {
        text.parse().unwrap()
    }

    fn in_folder() -> (tempfile::TempDir, StateFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::at(folder.path().join("state/approvals.json"));
        (folder, file)
    }

    #[test]
    fn what_is_approved_is_read_again_until_it_expires() {
        let (_folder, file) = in_folder();
        assert_eq!(file.read().unwrap(), Remembered::new());
        let (a, b) = (origin("https://a.example"), origin("https://b.example:8443"));
        let approved = Approved::from_now(DAY);
        file.approve(&a, approved).unwrap();
        file.approve(&b, Approved::from_now(Duration::ZERO)).unwrap();
        assert_eq!(file.read().unwrap(), Remembered::from([(a.clone(), approved)]));
        assert!(file.revoke(&a).unwrap());
        assert!(!file.revoke(&a).unwrap());
        assert_eq!(file.read().unwrap(), Remembered::new());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, file) = in_folder();
        file.approve(&origin("https://a.example"), Approved::from_now(DAY)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(file.path()), mode(file.folder())), (0o600, 0o700));
    }

    #[test]
    fn what_cannot_be_read_is_set_aside_and_kept() {
        let texts = [
            "",
            "{",
            "null",
            r#"{"version":1}"#,
            r#"{"version":2,"origins":{}}"#,
            r#"{"version":1,"origins":{"https://a.example/path":{"approved":0,"expires":99999999999}}}"#,
            r#"{"version":1,"origins":{},"more":true}"#,
            "\u{0}",
        ];
        let (_folder, file) = in_folder();
        file.prepare_folder().unwrap();
        for (count, text) in texts.iter().enumerate() {
            fs::write(file.path(), text).unwrap();
            assert_eq!(file.read().unwrap(), Remembered::new(), "{text}");
            assert!(!file.path().exists(), "{text}");
            let aside = file.folder().join(format!("approvals.json.unreadable-{}", count + 1));
            assert_eq!(fs::read_to_string(aside).unwrap(), *text);
        }
        fs::write(file.path(), "{").unwrap();
        file.approve(&origin("https://a.example"), Approved::from_now(DAY)).unwrap();
        assert_eq!(file.read().unwrap().len(), 1);
        let aside = file.folder().join(format!("approvals.json.unreadable-{}", texts.len() + 1));
        assert_eq!(fs::read_to_string(aside).unwrap(), "{");
    }
}
