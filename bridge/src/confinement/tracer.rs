//! Whether another program traces this process, as a debugger does. It then sees each PIN.

use procfs::ProcError;
use procfs::process::Process;

/// The process id of the program that traces this process; `None` if there is none.
///
/// Fails if the system does not say it.
pub(crate) fn tracer() -> Result<Option<i32>, ProcError> {
    let status = Process::myself()?.status()?;
    Ok(Some(status.tracerpid).filter(|tracer| *tracer != 0))
}
