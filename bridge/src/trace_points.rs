//! When a call reached which point on its way, for `make bench` alone. Without the feature `measure`
//! none of this is compiled.

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
pub(crate) use measured::{reached, write_down};
#[cfg(not(feature = "measure"))]
pub(crate) use not_measured::{reached, write_down};

#[cfg(not(feature = "measure"))]
mod not_measured {
    use super::TracePoint;

    pub(crate) const fn reached(_: TracePoint) {}

    pub(crate) const fn write_down() {}
}

#[cfg(feature = "measure")]
mod measured {
    use std::fmt::Write;
    use std::path::Path;
    use std::sync::Mutex;

    use rustix::time::{ClockId, clock_gettime};

    use super::TracePoint;
    use crate::process::lock::lock;

    static REACHED: Mutex<Vec<(TracePoint, i64)>> = Mutex::new(Vec::new());

    pub(crate) fn reached(stage: TracePoint) {
        // The same clock in all processes.
        let now = clock_gettime(ClockId::Monotonic);
        let mut reached = lock(&REACHED);
        if reached.len() < MAX {
            reached.push((stage, now.tv_sec * 1_000_000_000 + now.tv_nsec));
        }
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
