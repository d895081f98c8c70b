//! A Wayland compositor without a screen: Weston. It has no keyboard and no pointer.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;

use crate::processes::wait_until;
use crate::program::{Program, tool};

/// A compositor. Dropping it ends it.
pub struct Wayland {
    _weston: Program,
    folder: TempDir,
}

impl Wayland {
    /// Starts it on a socket of its own.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-wayland-")
            .tempdir()
            .expect("a folder");
        let mut command = tool("weston");
        command.args(["--backend=headless-backend.so", "--no-config", "--idle-time=0"]);
        command.arg(format!("--socket={SOCKET}")).env("XDG_RUNTIME_DIR", folder.path());
        let weston = Program::start(command.stdin(Stdio::null()));
        let wayland = Self { _weston: weston, folder };
        let listens = || wayland.display().exists();
        assert!(wait_until(LIMIT, listens), "Weston does not listen");
        wayland
    }

    /// Its socket, for `WAYLAND_DISPLAY`.
    pub fn display(&self) -> PathBuf {
        self.folder.path().join(SOCKET)
    }
}

const SOCKET: &str = "wayland";
const LIMIT: Duration = Duration::from_secs(60);
