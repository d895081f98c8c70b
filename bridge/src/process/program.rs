//! Starts this program again, as a worker or a dialog.

use std::io;

use tokio::process::Command;

/// A command for this program. It starts the same version, even if an update has replaced the file.
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
