//! For `make bench` alone, which builds the feature `measure`: when a call came to which of its stages, and a way to
//! leave out the check of signatures. Without the feature nothing of it is there.

/// How far a call has come, in this order.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "measure"), allow(dead_code))]
pub(crate) enum TracePoint {
    /// The bridge has read the message.
    Read,
    /// It has decoded it.
    Parsed,
    /// The worker has read the job.
    Taken,
    /// It knows the key, and calls the module.
    Found,
    /// The module has signed.
    Signed,
    /// The signature was checked.
    Checked,
    /// The bridge has read the report.
    Heard,
}

#[cfg(feature = "measure")]
pub(crate) use measured::{checks, reached, write_down};
#[cfg(not(feature = "measure"))]
pub(crate) use not_measured::{checks, reached, write_down};

#[cfg(not(feature = "measure"))]
mod not_measured {
    use super::TracePoint;

    pub(crate) const fn reached(_: TracePoint) {}

    /// Whether signatures are checked.
    pub(crate) const fn checks() -> bool {
        true
    }

    pub(crate) const fn write_down() {}
}

#[cfg(feature = "measure")]
mod measured {
    use std::fmt::Write;
    use std::path::Path;
    use std::sync::{LazyLock, Mutex};

    use rustix::time::{ClockId, clock_gettime};

    use super::TracePoint;
    use crate::process::lock::lock;

    static REACHED: Mutex<Vec<(TracePoint, i64)>> = Mutex::new(Vec::new());
    static CHECKS: LazyLock<bool> =
        LazyLock::new(|| std::env::var_os("PKCS11_BRIDGE_UNCHECKED").is_none());

    pub(crate) fn reached(stage: TracePoint) {
        // The same clock in all processes.
        let now = clock_gettime(ClockId::Monotonic);
        let mut reached = lock(&REACHED);
        if reached.len() < MAX {
            reached.push((stage, now.tv_sec * 1_000_000_000 + now.tv_nsec));
        }
    }

    pub(crate) fn checks() -> bool {
        *CHECKS
    }

    /// Writes the stages and their times in nanoseconds to a file of this process, where a folder is named for it.
    pub(crate) fn write_down() {
        let Some(folder) = std::env::var_os("PKCS11_BRIDGE_STAGES") else { return };
        let mut text = String::new();
        for (stage, time) in lock(&REACHED).iter() {
            let _ = writeln!(text, "{} {time}", *stage as u8);
        }
        let file = Path::new(&folder).join(std::process::id().to_string());
        if let Err(error) = std::fs::write(file, text) {
            tracing::error!(%error, "the stages cannot be written down");
        }
    }

    const MAX: usize = 1 << 20;
}
