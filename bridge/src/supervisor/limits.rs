//! How long a worker may take, and how long it is kept.

use std::time::Duration;

use pkcs11_bridge_protocol::call::Call;

#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkerLimits {
    /// For the start of a module, and for calls that only read.
    pub(crate) read: Duration,
    /// For a signature: long enough for a person at a reader's pinpad.
    pub(crate) sign: Duration,
    /// How long a worker is kept that nobody calls.
    pub(crate) idle: Duration,
    /// How long a login is kept that nobody signs with.
    pub(crate) login_idle: Duration,
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            sign: Duration::from_secs(120),
            idle: Duration::from_secs(600),
            login_idle: Duration::from_secs(300),
        }
    }
}

impl WorkerLimits {
    /// How long a call may take once the worker has it.
    pub(super) fn deadline_of(&self, call: &Call) -> Duration {
        match call {
            Call::SignData(_) | Call::SignDataBatch(_) => self.sign,
            // It waits for the signatures that are being made.
            Call::Logout(_) => self.sign + self.read,
            _ => self.read,
        }
    }
}
