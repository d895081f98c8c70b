//! Refuses PINs in a process that another program traces, as a debugger does: that program would
//! see them.

/// Another program can see a PIN in this process, or the system does not say whether one can.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Traced {
    #[cfg(target_os = "linux")]
    #[error(
        "the program with the process id {0} traces the bridge and could read it; end that \
         program, for example a debugger, and try again"
    )]
    By(i32),
    #[cfg(target_os = "linux")]
    #[error("the bridge cannot see who traces it ({0})")]
    Unknown(#[from] procfs::ProcError),
}

/// Fails if another program traces this process.
#[cfg(target_os = "linux")]
pub(crate) fn refuse() -> Result<(), Traced> {
    match procfs::process::Process::myself()?.status()?.tracerpid {
        0 => Ok(()),
        tracer => Err(Traced::By(tracer)),
    }
}

/// This platform does not say who traces a process.
#[cfg(not(target_os = "linux"))]
pub(crate) fn refuse() -> Result<(), Traced> {
    Ok(())
}
