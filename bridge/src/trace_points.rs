//! Records when a call passes its trace points. Only `make bench` uses this: it builds the feature
//! `measure`. Without the feature, these functions are empty.

/// A point that a call passes, in this order.
#[derive(Clone, Copy)]
#[cfg_attr(not(feature = "measure"), allow(dead_code))]
pub(crate) enum TracePoint {
    /// The bridge has read the message.
    Read,
    /// The bridge has decoded the message.
    Parsed,
    /// The worker has read the task.
    Taken,
    /// The worker has found the key and calls the module.
    Found,
    /// The module has signed.
    Signed,
    /// The worker has checked the signature.
    Checked,
    /// The bridge has read the worker's response.
    Heard,
}

#[cfg(feature = "measure")]
pub(crate) use measured::{reached, write};
#[cfg(not(feature = "measure"))]
pub(crate) use not_measured::{reached, write};

#[cfg(not(feature = "measure"))]
mod not_measured {
    use super::TracePoint;

    pub(crate) const fn reached(_: TracePoint) {}

    pub(crate) const fn write() {}
}

#[cfg(feature = "measure")]
mod measured {
    use std::fmt::Write as _;
    use std::path::Path;
    use std::sync::Mutex;

    use rustix::time::{ClockId, clock_gettime};

    use super::TracePoint;
    use crate::process::lock::lock;

    static REACHED: Mutex<Vec<(TracePoint, i64)>> = Mutex::new(Vec::new());

    pub(crate) fn reached(point: TracePoint) {
        // All processes share this clock.
        let now = clock_gettime(ClockId::Monotonic);
        let mut reached = lock(&REACHED);
        if reached.len() < MAX {
            reached.push((point, now.tv_sec * 1_000_000_000 + now.tv_nsec));
        }
    }

    /// Writes the points and their times in nanoseconds to a file of this process, if the
    /// environment names a folder for it.
    pub(crate) fn write() {
        let Some(folder) = std::env::var_os("PKCS11_BRIDGE_TRACE_POINTS") else { return };
        let mut text = String::new();
        for (point, time) in lock(&REACHED).iter() {
            let _ = writeln!(text, "{} {time}", *point as u8);
        }
        let file = Path::new(&folder).join(std::process::id().to_string());
        if let Err(error) = std::fs::write(file, text) {
            tracing::error!(%error, "cannot write the trace points");
        }
    }

    const MAX: usize = 1 << 20;
}
