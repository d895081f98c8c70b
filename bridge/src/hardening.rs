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

/// A pinentry may send a line without end, which is read into memory.
#[cfg(unix)]
pub(crate) fn limit_memory() {
    use rustix::process::{Resource, Rlimit, setrlimit};

    let limit = Rlimit { current: Some(MAX_DIALOG_MEMORY), maximum: None };
    let _ = setrlimit(Resource::Data, limit);
}

#[cfg(not(unix))]
pub(crate) fn limit_memory() {}

/// The pinentry has the same limit, and toolkits take their part.
#[cfg(unix)]
const MAX_DIALOG_MEMORY: u64 = 512 << 20;
