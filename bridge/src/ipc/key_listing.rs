//! The keys of a token that have no certificate, as a worker lists them. What pages are told of a
//! key beyond its label, the bridge reads from the public key itself.

use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use serde::{Deserialize, Serialize};

/// The result of [`Task::Keys`](super::task::Task::Keys).
#[derive(Serialize, Deserialize)]
pub(crate) struct KeyListing {
    pub(crate) keys: Vec<ListedKey>,
    /// Whether the token may show more after a login.
    pub(crate) login_required: bool,
}

/// A key without a certificate.
#[derive(Serialize, Deserialize)]
pub(crate) struct ListedKey {
    pub(crate) label: String,
    /// A `SubjectPublicKeyInfo` in DER.
    pub(crate) public_key: Base64Bytes,
}
