//! The folder of a private file. Windows passes the rights of a folder on to the files in it, and
//! lets nobody rename a file that is open without the right to do so.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{MAX_LEN, PrivateFileError, Readers, Refusal, Result, Stamp, free_name};
use crate::windows::access_rights::{AccessRights, OPEN_ITSELF, READ, WRITE};
use crate::windows::owner_only;

pub(super) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// `None` if there is no such folder. Refuses a folder in which other users can replace files.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let path = path.to_owned();
        if !path.is_dir() {
            return Ok(None);
        }
        let rights = match AccessRights::of_path(&path) {
            Ok(rights) => rights,
            Err(source) => {
                return Err(PrivateFileError::System { action: "open the folder", path, source });
            }
        };
        let reason = if !rights.is_own {
            Some(Refusal::OtherOwner)
        } else {
            rights.others_may(WRITE).then_some(Refusal::WritableByOthers)
        };
        match reason {
            Some(reason) => Err(PrivateFileError::Refused { path, reason }),
            None => Ok(Some(Self { path })),
        }
    }

    /// Opens a file to read it; `None` if it does not exist.
    pub(super) fn open_file(&self, name: &OsStr, readers: Readers) -> Result<Option<File>> {
        let path = self.path.join(name);
        let file = match File::options().read(true).custom_flags(OPEN_ITSELF).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(PrivateFileError::System { action: "open", path, source }),
        };
        let system =
            |source| PrivateFileError::System { action: "read", path: path.clone(), source };
        let len = file.metadata().map_err(system)?.len();
        let reason = match refusal(&file).map_err(system)? {
            Some(reason) => Some(reason),
            None => {
                let rights = AccessRights::of(&file).map_err(system)?;
                let is_open = readers == Readers::OwnerOnly && rights.others_may(READ);
                rights
                    .others_may(WRITE)
                    .then_some(Refusal::WritableByOthers)
                    .or(is_open.then_some(Refusal::ReadableByOthers))
                    .or((len > MAX_LEN).then_some(Refusal::TooLarge))
            }
        };
        match reason {
            Some(reason) => Err(PrivateFileError::Refused { path, reason }),
            None => Ok(Some(file)),
        }
    }

    /// Opens a lock file. Creates it if it is missing.
    pub(super) fn open_lock(&self, name: &OsStr) -> Result<File> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).custom_flags(OPEN_ITSELF);
        let opened = options.open(&path).and_then(|file| Ok((refusal(&file)?, file)));
        match opened {
            Ok((None, file)) => Ok(file),
            Ok((Some(reason), _)) => Err(PrivateFileError::Refused { path, reason }),
            Err(source) => Err(PrivateFileError::System { action: "open", path, source }),
        }
    }

    /// Creates a file, which must not exist.
    pub(super) fn create(&self, name: &OsStr) -> io::Result<File> {
        owner_only::create_file(&self.path.join(name))
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

fn refusal(file: &File) -> io::Result<Option<Refusal>> {
    let metadata = file.metadata()?;
    Ok(if metadata.is_symlink() {
        Some(Refusal::Link)
    } else if !metadata.is_file() {
        Some(Refusal::NotRegular)
    } else {
        (!AccessRights::of(file)?.is_own).then_some(Refusal::OtherOwner)
    })
}
