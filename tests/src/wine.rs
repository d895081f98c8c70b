//! The bridge for Windows under Wine. `make test-windows` builds it, makes a Wine prefix with a
//! display, and names both by environment variables.

pub mod bridge;
pub mod software_token;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::program::tool;

/// A file of the build for Windows.
pub fn built(file: &str) -> PathBuf {
    let folder = std::env::var_os("PKCS11_BRIDGE_WINDOWS_BUILD");
    Path::new(&folder.expect("`make test-windows` sets this variable")).join(file)
}

/// A path as programs under Wine see it.
pub fn windows_path(path: &Path) -> String {
    let path = path.to_str().expect("a path in UTF-8");
    format!("Z:{}", path.replace('/', "\\"))
}

/// A command of a program for Windows that was built.
pub fn command(file: &str) -> Command {
    command_of(built(file))
}

/// A command of any program for Windows, such as `reg`.
pub fn command_of(program: impl AsRef<OsStr>) -> Command {
    let mut command = tool("wine");
    for name in ["WINEPREFIX", "WINEDEBUG", "WINEDLLOVERRIDES", "DISPLAY"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command.arg(program);
    command
}
