//! The open folder of a private file. All names are looked up in it, so that no other program can
//! put another folder in its place meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, Stat, fstat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{MAX_LEN, PrivateFileError, Readers, Refusal, Result, Stamp, free_name};

pub(super) struct Folder {
    path: PathBuf,
    descriptor: OwnedFd,
}

impl Folder {
    /// `None` if there is no such folder. Refuses a folder in which other users can replace files.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        let path = path.to_owned();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = match openat(CWD, &path, flags, Mode::empty()) {
            Ok(descriptor) => descriptor,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(system("open the folder", path, error)),
        };
        let status = match fstat(&descriptor) {
            Ok(status) => status,
            Err(error) => return Err(system("open the folder", path, error)),
        };
        // Only the owner of a file can replace it in a folder such as /tmp.
        let is_sticky = mode(&status).contains(Mode::SVTX);
        let reason = if !matches!(status.st_uid, 0) && !is_own(&status) {
            Some(Refusal::OtherOwner)
        } else if is_writable_by_others(&status) && !is_sticky {
            Some(Refusal::WritableByOthers)
        } else {
            None
        };
        match reason {
            Some(reason) => Err(PrivateFileError::Refused { path, reason }),
            None => Ok(Some(Self { path, descriptor })),
        }
    }

    /// Opens a file to read it; `None` if it does not exist.
    pub(super) fn open_file(&self, name: &OsStr, readers: Readers) -> Result<Option<File>> {
        let path = || self.path.join(name);
        let file = match self.open_at(name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(self.open_error(name, error)),
        };
        let status = fstat(&file).map_err(|error| system("read", path(), error))?;
        let is_too_large = u64::try_from(status.st_size).is_ok_and(|len| len > MAX_LEN);
        let reason = refusal(&status)
            .or(is_writable_by_others(&status).then_some(Refusal::WritableByOthers))
            .or(is_open_to_others(&status, readers).then_some(Refusal::ReadableByOthers))
            .or(is_too_large.then_some(Refusal::TooLarge));
        match reason {
            Some(reason) => Err(PrivateFileError::Refused { path: path(), reason }),
            None => Ok(Some(file)),
        }
    }

    /// Opens a lock file. Creates it if it is missing.
    pub(super) fn open_lock(&self, name: &OsStr) -> Result<File> {
        let file = self.open_at(name, OFlags::RDWR | OFlags::CREATE);
        let file = file.map_err(|error| self.open_error(name, error))?;
        let status = fstat(&file).map_err(|error| system("lock", self.path.join(name), error))?;
        match refusal(&status) {
            Some(reason) => Err(PrivateFileError::Refused { path: self.path.join(name), reason }),
            None => Ok(file),
        }
    }

    /// Creates a file, which must not exist.
    pub(super) fn create(&self, name: &OsStr) -> io::Result<File> {
        Ok(self.open_at(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL)?)
    }

    /// Removes a file or a link. Succeeds if there is none.
    pub(super) fn remove(&self, name: &OsStr) -> io::Result<()> {
        match unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn rename(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.descriptor, from, &self.descriptor, to)?)
    }

    /// Renames a file, link or folder to a name that is not in use, and returns that name.
    pub(super) fn set_aside(&self, name: &OsStr) -> io::Result<OsString> {
        let aside = free_name(name, |name| self.status(name).is_some());
        self.rename(name, &aside)?;
        Ok(aside)
    }

    /// Makes the names of new files survive a power failure.
    pub(super) fn sync(&self) -> io::Result<()> {
        // Some file systems cannot sync folders.
        match rustix::fs::fsync(&self.descriptor) {
            Ok(()) | Err(Errno::INVAL) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn stamp(&self, name: &OsStr) -> Option<Stamp> {
        let status = self.status(name)?;
        Some(Stamp {
            inode: status.st_ino,
            modified: (status.st_mtime.into(), status.st_mtime_nsec.into()),
            len: u64::try_from(status.st_size).unwrap_or_default(),
        })
    }

    fn status(&self, name: &OsStr) -> Option<Stat> {
        statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    }

    /// A FIFO or a device must not make the bridge wait, so nothing is opened in blocking mode.
    fn open_at(&self, name: &OsStr, flags: OFlags) -> rustix::io::Result<File> {
        let always = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let owner_only = Mode::RUSR | Mode::WUSR;
        openat(self.descriptor.as_fd(), name, flags | always, owner_only).map(File::from)
    }

    fn open_error(&self, name: &OsStr, error: Errno) -> PrivateFileError {
        let path = self.path.join(name);
        let is_link = self
            .status(name)
            .is_some_and(|status| FileType::from_raw_mode(status.st_mode) == FileType::Symlink);
        let reason = match error {
            _ if is_link => Refusal::Link,
            // What opening a socket, a FIFO without a reader, or a folder gives.
            Errno::NXIO | Errno::ISDIR | Errno::OPNOTSUPP => Refusal::NotRegular,
            error => return system("open", path, error),
        };
        PrivateFileError::Refused { path, reason }
    }
}

fn refusal(status: &Stat) -> Option<Refusal> {
    if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
        Some(Refusal::NotRegular)
    } else {
        (!is_own(status)).then_some(Refusal::OtherOwner)
    }
}

fn is_own(status: &Stat) -> bool {
    status.st_uid == geteuid().as_raw()
}

fn is_writable_by_others(status: &Stat) -> bool {
    mode(status).intersects(Mode::WGRP | Mode::WOTH)
}

fn is_open_to_others(status: &Stat, readers: Readers) -> bool {
    readers == Readers::OwnerOnly && mode(status).intersects(Mode::RWXG | Mode::RWXO)
}

fn mode(status: &Stat) -> Mode {
    Mode::from_raw_mode(status.st_mode)
}

fn system(action: &'static str, path: PathBuf, error: Errno) -> PrivateFileError {
    PrivateFileError::System { action, path, source: error.into() }
}
