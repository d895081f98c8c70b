//! A folder for one token: everything that its tools and daemons read or write, and their
//! environment.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::processes::wait_until;
use crate::program::{Program, START_LIMIT, tool};

/// The folder. Dropping it removes it.
pub(super) struct PrivateFolder(TempDir);

impl PrivateFolder {
    /// An empty folder.
    pub(super) fn new(name: &str) -> Self {
        let prefix = format!("pkcs11-bridge-test-{name}-");
        Self(tempfile::Builder::new().prefix(&prefix).tempdir().expect("a folder"))
    }

    /// A path in the folder.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Makes a folder in it.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }

    /// Writes a file in it.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A command that takes this folder for the user's. Some tools load all modules that p11-kit is
    /// configured for, and those write to the user's folders.
    pub(super) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let p11_kit = self.folder("config/pkcs11");
        std::fs::write(p11_kit.join("pkcs11.conf"), "user-config: only\n").expect("a file");
        let mut command = tool(program);
        command.env("HOME", self.0.path()).env("XDG_CONFIG_HOME", self.path("config"));
        command
    }
}

/// Starts a daemon, and waits until it listens on a socket.
pub(super) fn start_daemon(command: &mut Command, socket: &Path) -> Program {
    // A killed daemon leaves its socket behind.
    let _ = std::fs::remove_file(socket);
    start_until(command, || socket.exists())
}

/// Starts a daemon, and waits until a command succeeds that asks it something.
pub(super) fn start_answering(daemon: &mut Command, question: impl Fn() -> Command) -> Program {
    start_until(daemon, || question().output().is_ok_and(|output| output.status.success()))
}

fn start_until(command: &mut Command, is_ready: impl Fn() -> bool) -> Program {
    let program = command.get_program().to_string_lossy().into_owned();
    let daemon = Program::start(command);
    wait_until(START_LIMIT, || is_ready() || !daemon.is_running());
    assert!(daemon.is_running() && is_ready(), "{program} does not start: {}", daemon.stderr());
    daemon
}
