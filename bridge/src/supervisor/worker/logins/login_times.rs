//! How long a login lasts: a while after its last signature, and at most a while after its PIN.

use std::time::Duration;

use tokio::time::Instant;

/// How long a login stays.
#[derive(Clone, Copy, Debug)]
pub(in crate::supervisor::worker) struct LoginLimits {
    /// After its last signature.
    pub(in crate::supervisor::worker) idle: Duration,
    /// After its PIN.
    pub(in crate::supervisor::worker) longest: Duration,
}

#[derive(Clone, Copy)]
pub(super) struct LoginTimes {
    pub(super) since: Instant,
    /// When a signature used it last.
    pub(super) last: Instant,
    pub(super) limits: LoginLimits,
}

impl LoginTimes {
    pub(super) fn from_now(limits: LoginLimits) -> Self {
        let now = Instant::now();
        Self { since: now, last: now, limits }
    }

    pub(super) fn expiry(&self) -> Instant {
        (self.last + self.limits.idle).min(self.since + self.limits.longest)
    }

    pub(super) fn is_over(&self) -> bool {
        self.expiry() <= Instant::now()
    }
}
