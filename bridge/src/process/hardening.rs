//! Keeps the memory of the bridge and of its workers, through which PINs pass, from other programs and
//! from the disk.

/// Switches core dumps off, and on Linux lets no other program of the user look into the process.
#[cfg(unix)]
pub(crate) fn keep_memory_private() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let none = Rlimit { current: Some(0), maximum: Some(0) };
    if let Err(error) = setrlimit(Resource::Core, none) {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
    // The limit alone does not keep a crash reporter from getting the dump (core(5)).
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
            tracing::warn!(%error, "core dumps cannot be switched off");
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn keep_memory_private() {}

/// Gives the process and what it starts so much memory of its own at most: whoever can make it read or keep
/// any amount, as a faulty module or a pinentry that sends a line without end, ends it, and harms nobody else.
#[cfg(unix)]
pub(crate) fn limit_memory(max: u64) {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Data);
    limit.current = Some(limit.current.map_or(max, |current| current.min(max)));
    if let Err(error) = setrlimit(Resource::Data, limit) {
        tracing::warn!(%error, "the memory of the process cannot be limited");
    }
}

#[cfg(not(unix))]
pub(crate) fn limit_memory(_max: u64) {}
