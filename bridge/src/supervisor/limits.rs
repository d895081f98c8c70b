//! How long a worker may take, and how long it is kept.

use std::time::Duration;

use crate::ipc::task::Deadlines;

#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerLimits {
    pub(crate) deadlines: Deadlines,
    /// How long a worker is kept that nobody calls.
    pub(crate) idle: Duration,
    /// How long a login is kept that nobody signs with.
    pub(crate) login_idle: Duration,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            idle: Duration::from_secs(600),
            login_idle: Duration::from_secs(300),
        }
    }
}
