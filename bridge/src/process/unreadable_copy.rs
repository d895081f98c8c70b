//! A copy of this program that its user may execute and not read. Linux keeps the memory of such a
//! process private from its first instruction on (execve(2), "effect on process attributes").
//!
//! A process that starts from a readable file can make its memory private only after its start. A
//! program of the same user could open that memory before, and read each later PIN.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags, fchmod, openat, statvfs};

/// The copy. It has no name in its folder, and the disk space is free again when it is dropped.
pub(super) struct UnreadableCopy(File);

impl UnreadableCopy {
    /// Copies this program into a folder.
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        if statvfs(folder)?.f_flag.contains(StatVfsMountFlags::NOEXEC) {
            return Err(io::Error::other("programs in this folder cannot be executed"));
        }
        let mut program = File::open("/proc/self/exe")?;
        let flags = OFlags::TMPFILE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let mut written = File::from(openat(CWD, folder, flags, Mode::RUSR | Mode::WUSR)?);
        io::copy(&mut program, &mut written)?;
        // The system executes no file that is open for writing.
        let copy = File::open(path(&written))?;
        drop(written);
        fchmod(&copy, Mode::XUSR | Mode::XGRP | Mode::XOTH)?;
        Ok(Self(copy))
    }

    /// A path that only this process and its children before they execute can use.
    pub(super) fn path(&self) -> PathBuf {
        path(&self.0)
    }
}

fn path(file: &File) -> PathBuf {
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}
