//! The log of a bridge that has no terminal and no service manager: a file beside the state file.
//! Only the user can read it. When it is full, it becomes the old log, and a new one begins.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::access::approvals::StateFile;

pub(crate) struct LogFile {
    path: PathBuf,
    file: File,
    len: u64,
}

impl LogFile {
    /// Opens the log; `None` if the system refuses, because then there is nowhere to tell it.
    pub(crate) fn beside(state_file: &StateFile) -> Option<Self> {
        state_file.prepare_folder().ok()?;
        Self::open(Self::path(state_file)).ok()
    }

    pub(crate) fn path(state_file: &StateFile) -> PathBuf {
        state_file.folder().join("bridge.log")
    }

    fn open(path: PathBuf) -> io::Result<Self> {
        let file = open(&path)?;
        let len = file.metadata()?.len();
        Ok(Self { path, file, len })
    }

    fn begin_new(&mut self) -> io::Result<()> {
        std::fs::rename(&self.path, self.path.with_extension("log.old"))?;
        self.file = open(&self.path)?;
        self.len = 0;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.len + bytes.len() as u64 > MAX_LEN && self.len > 0 {
            // If that fails, a log that is too long is better than none.
            let _ = self.begin_new();
        }
        let written = self.file.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

const MAX_LEN: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_becomes_the_old_log() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bridge.log");
        let line = [b'x'; 1000];
        for _ in 0..2500 {
            LogFile::open(path.clone()).unwrap().write_all(&line).unwrap();
        }
        let len = |name: &str| folder.path().join(name).metadata().unwrap().len();
        assert_eq!(len("bridge.log.old"), MAX_LEN / 1000 * 1000);
        assert!(len("bridge.log") < MAX_LEN && len("bridge.log") > 0);
    }
}
