//! Keeps the memory of the bridge and its workers private, because PINs pass through it. Limits the
//! memory of workers and dialogs.

/// Disables core dumps. On Linux, other programs of the user also cannot read the memory any more.
#[cfg(unix)]
pub(crate) fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "cannot disable core dumps");
    }
    // A crash reporter gets the dump in spite of the limit (core(5)).
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "cannot disable core dumps");
        }
    }
}

/// Keeps memory out of crash reports. Other programs of the user can still read it. Also keeps
/// handles of this process from those that it starts.
#[cfg(windows)]
pub(crate) fn keep_memory_private() {
    use crate::windows::{crash_reports, dll_search, inheritance};

    crash_reports::switch_off();
    dll_search::leave_out_working_folder();
    inheritance::keep_standard_streams();
}

/// Limits the memory of this process and of the processes that it starts. A faulty module may
/// allocate any amount, and a pinentry may send an endless line. The limit then ends this process
/// and protects the others.
#[cfg(unix)]
pub(crate) fn limit_memory(max: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Data);
    limit.current = Some(limit.current.map_or(max, |current| current.min(max)));
    if let Err(error) = setrlimit(Resource::Data, limit) {
        tracing::warn!(%error, "cannot limit the memory of the process");
    }
}

#[cfg(windows)]
pub(crate) fn limit_memory(max: u64) {
    if let Err(error) = crate::windows::job::limit_memory_of_this_process(max) {
        tracing::warn!(%error, "cannot limit the memory of the process");
    }
}
