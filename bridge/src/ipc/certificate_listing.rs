//! The certificates of a token, as a worker lists them. The bridge keeps the list, so that a worker
//! need not read the certificates again while the same token is in the slot.

use pkcs11_bridge_protocol::result::CertificateInfo;
use serde::{Deserialize, Serialize};

/// By what a token is known again, from its `CK_TOKEN_INFO`. The free memory changes if another
/// program writes a certificate, on tokens that tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenIdentity {
    pub(crate) serial: String,
    pub(crate) label: String,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    pub(crate) free_memory: [Option<u64>; 2],
}

/// The token that a list is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// `None` if the worker did not ask for it. Such a list is never used again.
    pub(crate) identity: Option<TokenIdentity>,
    /// The number of its certificate objects.
    pub(crate) objects: usize,
}

/// The result of [`Task::Certificates`](super::task::Task::Certificates).
#[derive(Serialize, Deserialize)]
pub(crate) struct CertificateListing {
    pub(crate) token: ListedToken,
    /// `None` if the token still has the certificates that the bridge knows.
    pub(crate) certificates: Option<Vec<CertificateInfo>>,
    /// Whether the token may show more after a login.
    pub(crate) login_required: bool,
    /// Whether the worker read each of them, so that the list is worth keeping.
    pub(crate) is_complete: bool,
}
