//! How long a task may take, and how long the bridge keeps a worker and its logins.

use std::time::Duration;

use crate::ipc::task::Deadlines;

#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerLimits {
    pub(crate) deadlines: Deadlines,
    /// How long the bridge keeps a worker that no page uses.
    pub(crate) idle: Duration,
    /// How long the bridge keeps a login that no signature uses.
    pub(crate) login_idle: Duration,
    /// How long the bridge keeps a login at the longest.
    pub(crate) login: Duration,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            idle: Duration::from_secs(600),
            login_idle: Duration::from_secs(300),
            login: Duration::from_secs(1800),
        }
    }
}
