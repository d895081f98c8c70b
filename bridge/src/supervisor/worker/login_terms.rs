//! For which key a task uses a login, and what a PIN opens for it.

use std::sync::Arc;
use std::time::Duration;

use crate::certificate::fingerprint::Fingerprint;

/// For which key a task uses a login, and what a PIN opens for it.
#[derive(Clone, Debug)]
pub(crate) struct LoginTerms {
    /// The certificate of the key.
    pub(crate) certificate: Fingerprint,
    /// The name of the certificate, for people.
    pub(crate) name: Arc<str>,
    /// The batch that the task belongs to. A PIN opens the key for the whole batch.
    pub(crate) batch: Option<BatchId>,
    /// How long a PIN opens the key for later tasks; `None` if not at all.
    pub(crate) opens_for: Option<Duration>,
}

/// A number that no other batch of this bridge has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct BatchId(pub(crate) u64);
