//! How this program starts itself.

use std::io;

use tokio::process::Command;

/// This very program, even where its file was replaced by a newer one since it started.
#[cfg(target_os = "linux")]
pub(crate) fn this() -> io::Result<Command> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(env!("CARGO_PKG_NAME"));
    Ok(command)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn this() -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?))
}
