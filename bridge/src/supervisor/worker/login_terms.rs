//! For which key a task uses a login, and what a PIN opens for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::certificate::fingerprint::Fingerprint;

/// For which key a task uses a login, and what a PIN opens for it.
#[derive(Clone, Debug)]
pub(crate) struct LoginTerms {
    /// The certificate of the key. `None` for a task that only reads: its login opens no key.
    pub(crate) certificate: Option<Fingerprint>,
    /// The name of the certificate, for people.
    pub(crate) name: Arc<str>,
    /// The batch that the task belongs to. A PIN opens the key for the whole batch.
    pub(crate) batch: Option<BatchId>,
    /// How long a PIN opens the key for later tasks; `None` if not at all.
    pub(crate) opens_for: Option<Duration>,
}

/// A batch, or another call that needs one PIN for several tasks. No other call of this bridge has
/// the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BatchId(pub(crate) u64);

impl BatchId {
    /// A number that no call had before.
    pub(crate) fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}
