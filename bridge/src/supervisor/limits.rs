//! How long a task may take, and how long the bridge keeps a worker and its logins.

use std::time::Duration;

use crate::dialog::question::PinScope;
use crate::ipc::task::Deadlines;

#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerLimits {
    pub(crate) deadlines: Deadlines,
    /// How long the bridge keeps a worker that no page uses.
    pub(crate) idle: Duration,
    /// How long the bridge keeps a login that no signature uses.
    pub(crate) login_idle: Duration,
}

impl WorkerLimits {
    /// What a PIN opens that logs in, as a dialog tells it.
    pub(crate) fn login_scope(&self) -> PinScope {
        let idle_minutes = self.login_idle.as_secs().div_ceil(60);
        PinScope::Login { minutes: LOGIN_MINUTES, idle_minutes }
    }
}

/// When a login ends at the latest.
const LOGIN_MINUTES: u64 = 30;

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            idle: Duration::from_secs(600),
            login_idle: Duration::from_secs(300),
        }
    }
}
