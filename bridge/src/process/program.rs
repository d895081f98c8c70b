//! Starts this program again, as a worker or a dialog.

use std::io;
use std::path::Path;

use tokio::process::{Child, Command};

/// Makes later [`this`] keep the memory of the new process private from its start on. Needs a
/// folder of the user for a while. Call this once.
#[cfg(target_os = "linux")]
pub(crate) fn keep_children_private(folder: &Path) {
    use super::unreadable_copy::UnreadableCopy;

    if let Err(error) = std::fs::File::open("/proc/self/exe")
        && error.kind() == io::ErrorKind::PermissionDenied
    {
        // The program was installed in this way.
        return;
    }
    match UnreadableCopy::create(folder) {
        Ok(copy) => drop(COPY.set(copy)),
        Err(error) => tracing::warn!(
            %error,
            folder = %folder.display(),
            "other programs of the user can open the memory of workers while they start; install \
             the bridge so that its users can execute but not read it"
        ),
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn keep_children_private(_folder: &Path) {}

/// A command for this program. It starts the same version, even if an update has replaced the file.
#[cfg(target_os = "linux")]
pub(crate) fn this() -> io::Result<Command> {
    let copy = COPY.get().map(super::unreadable_copy::UnreadableCopy::path);
    let mut command = Command::new(copy.unwrap_or_else(|| "/proc/self/exe".into()));
    command.arg0(env!("CARGO_PKG_NAME"));
    Ok(command)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn this() -> io::Result<Command> {
    #[cfg_attr(not(windows), expect(unused_mut, reason = "Windows has flags"))]
    let mut command = Command::new(std::env::current_exe()?);
    #[cfg(windows)]
    command.creation_flags(crate::windows::console::creation_flags());
    Ok(command)
}

/// Makes the system end a new process when this one ends. On Unix, the process does that itself.
pub(crate) fn end_with_this(child: &Child) {
    #[cfg(windows)]
    if let Err(error) = crate::windows::job::end_with_this_process(child.raw_handle()) {
        tracing::warn!(%error, "a process may outlive the bridge");
    }
    #[cfg(not(windows))]
    let _ = child;
}

#[cfg(target_os = "linux")]
static COPY: std::sync::OnceLock<super::unreadable_copy::UnreadableCopy> =
    std::sync::OnceLock::new();
