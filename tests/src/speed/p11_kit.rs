//! p11-kit's server and client module, side by side with the bridge: the usual way to a module in another
//! process.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::program::Program;
use crate::token::{MODULE, TestToken};

/// The server on a socket of its own; it ends when this is dropped.
pub struct P11KitServer {
    _program: Program,
    folder: TempDir,
}

/// The client module, where the packages of p11-kit put it. Panics where it is not there.
pub fn client_module() -> &'static str {
    let folders =
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let modules = folders.map(|folder| format!("{folder}/pkcs11/p11-kit-client.so"));
    let module = modules.into_iter().find(|module| Path::new(module).is_file());
    module.expect("p11-kit-client.so, of the package p11-kit-modules").leak()
}

impl P11KitServer {
    /// Starts it for SoftHSM2's module.
    pub fn start(token: &TestToken) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-bench-p11-kit-")
            .tempdir()
            .expect("a folder");
        let mut command = Command::new("p11-kit");
        command
            .args(["server", "--foreground", "--sh", "--provider", MODULE, "--name"])
            .arg(folder.path().join(SOCKET))
            .arg("pkcs11:")
            .env("SOFTHSM2_CONF", token.configuration());
        let mut program = Program::start(&mut command);
        program.expect_line("P11_KIT_SERVER_ADDRESS");
        Self { _program: program, folder }
    }

    /// What the client module finds the server by.
    pub fn environment(&self) -> [(&'static str, PathBuf); 1] {
        let socket = self.folder.path().join(SOCKET);
        [("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", socket.display()).into())]
    }
}

const SOCKET: &str = "socket";
