//! The configuration of administrators, in `/etc/pkcs11-bridge/config.toml` as a program sees it. A
//! mount namespace of its own shows that file to the program, and nobody else sees it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::program::tool;

/// The path of the file as the bridge names it.
pub const FILE: &str = "/etc/pkcs11-bridge/config.toml";

/// What administrators have put in `/etc`.
#[derive(Clone)]
pub struct Administrators {
    folder: Arc<TempDir>,
}

impl Administrators {
    /// Writes the file. `None`, with a line that says why, if this machine has no such namespaces.
    pub fn new(text: &str) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-etc-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a folder");
        for name in ["upper/pkcs11-bridge", "work"] {
            fs::create_dir_all(folder.path().join(name)).expect("a folder");
        }
        let administrators = Self { folder: Arc::new(folder) };
        administrators.write(text);
        let mut probe = administrators.command(tool("test").arg("-f").arg(FILE));
        if !probe.status().is_ok_and(|status| status.success()) {
            eprintln!("skipped: only root can give a program another /etc on this machine");
            return None;
        }
        Some(administrators)
    }

    /// Writes the file again.
    pub fn write(&self, text: &str) {
        fs::write(self.file(), text).expect("a file");
        self.set(0o755, 0o644, 0);
    }

    /// Sets the rights of the folder and the file, and the owner of the file.
    pub fn set(&self, folder: u32, file: u32, owner: u32) {
        let path = self.file();
        chown(&path, Some(owner), None).expect("root may do this");
        fs::set_permissions(&path, PermissionsExt::from_mode(file)).expect("a file");
        fs::set_permissions(path.parent().expect("a folder"), PermissionsExt::from_mode(folder))
            .expect("a folder");
    }

    /// The command in a namespace with this `/etc`. The process keeps its id.
    pub fn command(&self, command: &Command) -> Command {
        let script = format!(
            "mount -t overlay overlay -o lowerdir=/etc,upperdir={0}/upper,workdir={0}/work /etc && \
             exec \"$@\"",
            self.folder.path().display()
        );
        let mut outer = tool("unshare");
        outer.args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
        outer.arg(command.get_program()).args(command.get_args());
        outer.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            outer.current_dir(folder);
        }
        outer
    }

    fn file(&self) -> PathBuf {
        self.folder
            .path()
            .join("upper")
            .join(Path::new(FILE).strip_prefix("/etc").expect("in /etc"))
    }
}
