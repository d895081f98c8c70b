//! Small files that belong to this user alone, such as approvals, counts and keys. Opening one
//! never blocks and follows no link. Refuses files that another user owns or can write, and secrets
//! that another user can read.

#[cfg_attr(unix, path = "private_file/folder_unix.rs")]
#[cfg_attr(windows, path = "private_file/folder_windows.rs")]
mod folder;

use std::ffi::{OsStr, OsString};
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use folder::Folder;

/// The path of a private file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PrivateFile {
    path: PathBuf,
    readers: Readers,
}

/// Who may be able to read a private file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    Anyone,
    /// The file is a secret.
    OwnerOnly,
}

/// A private file that no other program of this kind changes meanwhile.
pub(crate) struct LockedFile<'a> {
    file: &'a PrivateFile,
    folder: Folder,
    _lock: File,
}

/// The lock of a private file, held without the file. Dropping it releases the lock.
pub(crate) struct HeldLock(#[expect(dead_code, reason = "closing it releases the lock")] File);

/// A version of a file. Each write replaces the file, so each version has its own inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i128, i128),
    len: u64,
}

/// Why a private file cannot be used. `path` is the file, its folder or its lock file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PrivateFileError {
    #[error("{path} {reason}")]
    Refused { path: PathBuf, reason: Refusal },
    #[error("cannot {action} {path}: {source}")]
    System { action: &'static str, path: PathBuf, source: io::Error },
    #[error(
        "another program has held the lock {path} for {} s; end that program, for example another \
         pkcs11-bridge that hangs, and try again",
        LOCK_DEADLINE.as_secs()
    )]
    Locked { path: PathBuf },
}

/// What is wrong with a file or its folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("is a link, which is not followed")]
    Link,
    #[error("is not a regular file")]
    NotRegular,
    #[error("belongs to another user")]
    OtherOwner,
    #[cfg_attr(unix, error("can be written by other users; run chmod go-w on it"))]
    #[cfg_attr(windows, error("can be written by other users; {REMOVE_RIGHTS}"))]
    WritableByOthers,
    #[cfg_attr(unix, error("can be read by other users; run chmod go-rwx on it"))]
    #[cfg_attr(windows, error("can be read by other users; {REMOVE_RIGHTS}"))]
    ReadableByOthers,
    #[error("is larger than {MAX_LEN} bytes")]
    TooLarge,
}

#[cfg(windows)]
const REMOVE_RIGHTS: &str = "remove their rights in its properties, under Security";

type Result<T> = std::result::Result<T, PrivateFileError>;

impl PrivateFile {
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path: std::path::absolute(&path).unwrap_or(path), readers: Readers::Anyone }
    }

    /// A file that is refused if other users can read it.
    pub(crate) fn secret_at(path: PathBuf) -> Self {
        Self { readers: Readers::OwnerOnly, ..Self::at(path) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Creates the folder if it is missing. Only the owner can access it.
    pub(crate) fn prepare_folder(&self) -> io::Result<()> {
        #[cfg(unix)]
        {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true);
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(self.folder())
        }
        #[cfg(windows)]
        crate::windows::owner_only::create_folder(self.folder())
    }

    /// The current version of the file; `None` if the file does not exist.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        Folder::open(self.folder()).ok()??.stamp(self.name())
    }

    /// Reads the file without a lock; `None` if it does not exist.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        match Folder::open(self.folder())? {
            Some(folder) => self.read_in(&folder),
            None => Ok(None),
        }
    }

    /// Waits until no other program has the lock of this file, for 5 s at most. Blocks the thread.
    /// Creates the folder if it is missing.
    pub(crate) fn lock(&self) -> Result<LockedFile<'_>> {
        let folder = self.prepared_folder()?;
        let started = Instant::now();
        loop {
            match self.try_lock(&folder)? {
                Some(lock) => return Ok(LockedFile { file: self, folder, _lock: lock }),
                None if started.elapsed() < LOCK_DEADLINE => thread::sleep(LOCK_PAUSE),
                None => return Err(PrivateFileError::Locked { path: self.path_with("lock") }),
            }
        }
    }

    /// Takes the lock of this file; `None` if another program has it. Creates the folder if it is
    /// missing.
    pub(crate) fn try_hold(&self) -> Result<Option<HeldLock>> {
        Ok(self.try_lock(&self.prepared_folder()?)?.map(HeldLock))
    }

    /// Replaces the file atomically. The caller holds the lock.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<()> {
        self.replace_in(&self.prepared_folder()?, content)
    }

    fn prepared_folder(&self) -> Result<Folder> {
        self.prepare_folder().map_err(|source| PrivateFileError::System {
            action: "create the folder",
            path: self.folder().to_owned(),
            source,
        })?;
        let missing = || self.system("open the folder of", io::ErrorKind::NotFound.into());
        Folder::open(self.folder())?.ok_or_else(missing)
    }

    fn try_lock(&self, folder: &Folder) -> Result<Option<File>> {
        let name = self.name_with("lock");
        loop {
            let lock = match folder.open_lock(&name) {
                Ok(lock) => lock,
                Err(PrivateFileError::Refused { .. }) => {
                    // Whatever it is, it is no lock of ours.
                    let renamed = folder.set_aside(&name);
                    renamed.map_err(|source| self.system("rename the lock of", source))?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            return match lock.try_lock() {
                Ok(()) => Ok(Some(lock)),
                Err(TryLockError::WouldBlock) => Ok(None),
                Err(TryLockError::Error(source)) => Err(self.system("lock", source)),
            };
        }
    }

    fn replace_in(&self, folder: &Folder, content: &[u8]) -> Result<()> {
        let name = self.name_with("new");
        let replace = || {
            // A program that was killed may have left one behind.
            folder.remove(&name)?;
            let mut file = folder.create(&name)?;
            file.write_all(content)?;
            file.sync_all()?;
            folder.rename(&name, self.name())?;
            folder.sync()
        };
        replace().map_err(|source| self.system("write", source))
    }

    fn read_in(&self, folder: &Folder) -> Result<Option<Zeroizing<Vec<u8>>>> {
        let Some(file) = folder.open_file(self.name(), self.readers)? else { return Ok(None) };
        let mut content = Zeroizing::default();
        let read = file.take(MAX_LEN + 1).read_to_end(&mut content);
        read.map_err(|source| self.system("read", source))?;
        if content.len() as u64 > MAX_LEN {
            let path = self.path.clone();
            return Err(PrivateFileError::Refused { path, reason: Refusal::TooLarge });
        }
        Ok(Some(content))
    }

    fn name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    fn name_with(&self, suffix: &str) -> OsString {
        let mut name = self.name().to_owned();
        name.push(format!(".{suffix}"));
        name
    }

    fn path_with(&self, suffix: &str) -> PathBuf {
        self.path.with_file_name(self.name_with(suffix))
    }

    fn system(&self, action: &'static str, source: io::Error) -> PrivateFileError {
        PrivateFileError::System { action, path: self.path.clone(), source }
    }
}

impl LockedFile<'_> {
    /// Reads the file; `None` if it does not exist.
    pub(crate) fn read(&self) -> Result<Option<Zeroizing<Vec<u8>>>> {
        self.file.read_in(&self.folder)
    }

    /// Replaces the file atomically. Only the owner can read the new one.
    pub(crate) fn replace(&self, content: &[u8]) -> Result<()> {
        self.file.replace_in(&self.folder, content)
    }

    /// Renames the file, whatever it is, to a name that is not in use. Returns the new path.
    pub(crate) fn set_aside(&self) -> Result<PathBuf> {
        let renamed = self.folder.set_aside(self.file.name());
        renamed
            .map(|name| self.file.path.with_file_name(name))
            .map_err(|source| self.file.system("rename", source))
    }
}

/// A name that is free, for a file that cannot be used.
fn free_name(name: &OsStr, exists: impl Fn(&OsStr) -> bool) -> OsString {
    let numbered = |number: u32| {
        let mut name = name.to_owned();
        name.push(format!(".unreadable-{number}"));
        name
    };
    (1..).map(numbered).find(|name| !exists(name)).unwrap_or_else(|| numbered(0))
}

/// The most bytes of a private file.
const MAX_LEN: u64 = 1 << 20;
const LOCK_DEADLINE: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn temporary_file() -> (tempfile::TempDir, PrivateFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = PrivateFile::at(folder.path().join("state/counts.json"));
        file.prepare_folder().unwrap();
        (folder, file)
    }

    fn write(file: &PrivateFile, content: &[u8]) {
        file.lock().unwrap().replace(content).unwrap();
    }

    #[track_caller]
    fn assert_refused(file: &PrivateFile, reason: Refusal) {
        match file.read() {
            Err(PrivateFileError::Refused { reason: found, .. }) => assert_eq!(found, reason),
            Err(error) => panic!("{error}"),
            Ok(content) => panic!("{content:?}"),
        }
    }

    #[test]
    fn a_file_is_read_as_it_was_written() {
        let (_folder, file) = temporary_file();
        assert_eq!(file.read().unwrap(), None);
        assert_eq!(file.stamp(), None);
        write(&file, b"one");
        let first = file.stamp();
        write(&file, b"two");
        assert_eq!(file.read().unwrap().unwrap().as_slice(), b"two");
        assert!(first.is_some() && file.stamp() != first);
        let mut names: Vec<_> =
            fs::read_dir(file.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["counts.json", "counts.json.lock"]);
    }

    #[test]
    fn a_file_of_up_to_1_mib_is_read() {
        let (_folder, file) = temporary_file();
        let max = usize::try_from(MAX_LEN).unwrap();
        write(&file, &vec![b' '; max]);
        assert_eq!(file.read().unwrap().unwrap().len(), max);
        write(&file, &vec![b' '; max + 1]);
        assert_refused(&file, Refusal::TooLarge);
    }

    #[test]
    fn a_file_set_aside_keeps_its_content() {
        let (_folder, file) = temporary_file();
        for number in 1..3 {
            write(&file, &[number]);
            let aside = file.lock().unwrap().set_aside().unwrap();
            assert_eq!(aside, file.folder().join(format!("counts.json.unreadable-{number}")));
            assert_eq!(fs::read(aside).unwrap(), [number]);
            assert_eq!(file.read().unwrap(), None);
        }
    }

    #[test]
    fn a_held_lock_is_an_error_after_a_while() {
        let (_folder, file) = temporary_file();
        let held = file.lock().unwrap();
        let started = Instant::now();
        let Err(error) = file.lock() else { panic!("two programs have the lock") };
        assert!(started.elapsed() >= LOCK_DEADLINE);
        assert!(error.to_string().contains("counts.json.lock for 5 s"), "{error}");
        drop(held);
        file.lock().unwrap();
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::{PermissionsExt, symlink};

        use super::*;

        fn set_mode(path: &Path, mode: u32) {
            fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
        }

        fn make_fifo(path: &Path) {
            let status = std::process::Command::new("mkfifo").arg(path).status();
            assert!(status.unwrap().success());
        }

        #[test]
        fn only_the_owner_can_read_and_write() {
            let (_folder, file) = temporary_file();
            write(&file, b"private");
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!((mode(file.path()), mode(file.folder())), (0o600, 0o700));
        }

        #[test]
        fn only_a_regular_file_is_read_and_nothing_else_blocks() {
            let (_folder, file) = temporary_file();
            let outside = file.folder().parent().unwrap().join("outside");
            fs::write(&outside, "of others").unwrap();
            symlink(&outside, file.path()).unwrap();
            assert_refused(&file, Refusal::Link);
            write(&file, b"mine");
            assert_eq!(fs::read(&outside).unwrap(), b"of others");

            fs::remove_file(file.path()).unwrap();
            make_fifo(file.path());
            assert_refused(&file, Refusal::NotRegular);
            fs::remove_file(file.path()).unwrap();
            let _socket = std::os::unix::net::UnixListener::bind(file.path()).unwrap();
            assert_refused(&file, Refusal::NotRegular);
            fs::remove_file(file.path()).unwrap();
            fs::create_dir(file.path()).unwrap();
            assert_refused(&file, Refusal::NotRegular);
        }

        #[test]
        fn a_lock_that_is_no_regular_file_is_renamed() {
            let (_folder, file) = temporary_file();
            let lock = file.path_with("lock");
            let outside = file.folder().parent().unwrap().join("outside");
            symlink(&outside, &lock).unwrap();
            drop(file.lock().unwrap());
            assert!(!outside.exists());
            fs::remove_file(&lock).unwrap();
            make_fifo(&lock);
            drop(file.lock().unwrap());
            assert!(fs::symlink_metadata(&lock).unwrap().is_file());
        }

        #[test]
        fn what_others_can_write_is_refused() {
            let (_folder, file) = temporary_file();
            write(&file, b"mine");
            for mode in [0o620, 0o602, 0o666] {
                set_mode(file.path(), mode);
                assert_refused(&file, Refusal::WritableByOthers);
            }
            set_mode(file.path(), 0o644);
            file.read().unwrap().unwrap();
            for mode in [0o770, 0o707] {
                set_mode(file.folder(), mode);
                assert_refused(&file, Refusal::WritableByOthers);
                assert!(file.lock().is_err());
            }
            // In such a folder only the owner of a file can replace it.
            set_mode(file.folder(), 0o1777);
            file.read().unwrap().unwrap();
        }

        #[test]
        fn a_secret_that_others_can_read_is_refused() {
            let (_folder, file) = temporary_file();
            let secret = PrivateFile::secret_at(file.path().to_owned());
            write(&secret, b"secret");
            secret.read().unwrap().unwrap();
            for mode in [0o640, 0o604, 0o610, 0o601] {
                set_mode(file.path(), mode);
                assert_refused(&secret, Refusal::ReadableByOthers);
                file.read().unwrap().unwrap();
            }
            set_mode(file.path(), 0o620);
            assert_refused(&secret, Refusal::WritableByOthers);
            set_mode(file.path(), 0o400);
            secret.read().unwrap().unwrap();
        }
    }
}
