//! The folder of a private file, on systems whose folders of a user are private by default. Here
//! the owner of a file and the rights of other users are not checked.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{MAX_LEN, PrivateFileError, Readers, Refusal, Result, Stamp, free_name};

pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// `None` if there is no such folder.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        Ok(path.is_dir().then(|| Self { path: path.to_owned() }))
    }

    /// Opens a file to read it; `None` if it does not exist.
    pub(super) fn open_file(&self, name: &OsStr, _: Readers) -> Result<Option<File>> {
        let path = self.path.join(name);
        let reason = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PrivateFileError::System { action: "open", path, source }),
            Ok(metadata) => refusal(&metadata)
                .or_else(|| (metadata.len() > MAX_LEN).then_some(Refusal::TooLarge)),
        };
        if let Some(reason) = reason {
            return Err(PrivateFileError::Refused { path, reason });
        }
        let file = File::open(&path);
        file.map(Some).map_err(|source| PrivateFileError::System { action: "open", path, source })
    }

    /// Opens a lock file. Creates it if it is missing.
    pub(super) fn open_lock(&self, name: &OsStr) -> Result<File> {
        let path = self.path.join(name);
        let existing = fs::symlink_metadata(&path).ok();
        if let Some(reason) = existing.as_ref().and_then(refusal) {
            return Err(PrivateFileError::Refused { path, reason });
        }
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        file.map_err(|source| PrivateFileError::System { action: "open", path, source })
    }

    /// Creates a file, which must not exist.
    pub(super) fn create(&self, name: &OsStr) -> io::Result<File> {
        File::create_new(self.path.join(name))
    }

    /// Removes a file or a link. Succeeds if there is none.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    /// Renames a file, link or folder to a name that is not in use, and returns that name.
    pub(super) fn set_aside(&self, name: &OsStr) -> io::Result<OsString> {
        let exists = |name: &OsStr| fs::symlink_metadata(self.path.join(name)).is_ok();
        let aside = free_name(name, exists);
        self.rename(name, &aside)?;
        Ok(aside)
    }

    /// These systems do not sync folders.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn stamp(&self, name: &OsStr) -> Option<Stamp> {
        let metadata = fs::symlink_metadata(self.path.join(name)).ok()?;
        let since_1970 = metadata.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let modified = (since_1970.as_secs().into(), since_1970.subsec_nanos().into());
        Some(Stamp { inode: 0, modified, len: metadata.len() })
    }
}

fn refusal(metadata: &Metadata) -> Option<Refusal> {
    if metadata.is_symlink() {
        Some(Refusal::Link)
    } else {
        (!metadata.is_file()).then_some(Refusal::NotRegular)
    }
}
