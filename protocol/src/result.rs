//! The results of successful calls. The JavaScript API uses the same names, so the client passes
//! the results on unchanged.

use serde::{Deserialize, Serialize};

use crate::base64_bytes::Base64Bytes;
use crate::error_object::ErrorObject;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::slot_id::SlotId;
use crate::whole_number;

/// Result of `hello`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloInfo {
    /// `pkcs11-bridge`.
    pub name: String,
    /// The version of the bridge.
    pub version: String,
    /// The sub-protocol, [`crate::SUBPROTOCOL`].
    pub protocol: String,
    /// The methods that the bridge has.
    pub methods: Vec<String>,
    /// Where the bridge takes PINs from.
    pub pin_entry: PinEntry,
    /// The ports before the bridge's own that programs of other users hold. If there are none, the
    /// field is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped_ports: Vec<SkippedPort>,
    /// The proof of the bridge's key. Missing if the call has no `nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// A port that the bridge could not take, because a program of another user holds it. A page does
/// not learn which program and user; the desktop and the log name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedPort {
    /// The number of the port.
    pub port: u16,
}

/// Where the bridge takes PINs from. If the reader has a pinpad, the user always enters the PIN
/// there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinEntry {
    /// From a dialog on the desktop. A call with a `pin` fails.
    Native,
    /// From the call. If the call has no `pin`, from a dialog on the desktop.
    #[default]
    PageOrNative,
}

/// An element of the result of `modules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// The name of the module, for `module` in calls.
    pub name: String,
    /// The description of the module, for people.
    pub description: String,
    /// Whether the origin can use the module.
    pub state: ModuleState,
}

/// The state of a module for the origin that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleState {
    /// The module is not started. The next call starts it.
    Available,
    /// The module is started.
    Running,
    /// The file of the module does not exist.
    Missing,
    /// The module answered an error when it was last started, for example because its device or its
    /// service is missing. The next call starts it again.
    NotReady,
    /// The module is suspended after repeated failures. Calls fail until the suspension ends.
    SetAside,
}

/// Result of `info` (`CK_INFO`, PKCS#11 3.2, section 3.1). Versions are "major.minor".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryInfo {
    /// The version of PKCS#11 that the module implements.
    pub cryptoki_version: String,
    /// The manufacturer of the module.
    pub manufacturer_id: String,
    /// Reserved by the standard, and always 0 here.
    pub flags: u32,
    /// The description of the module.
    pub library_description: String,
    /// The version of the module.
    pub library_version: String,
}

/// An element of the result of `slots` (`CK_SLOT_INFO`, PKCS#11 3.2, section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotInfo {
    /// The id of the slot, for `slot_id` in calls.
    pub slot_id: SlotId,
    /// The description of the slot, often the name of the reader.
    pub description: String,
    /// Bits: 1 token present, 2 removable device, 4 hardware slot. The lower 32 bits of
    /// `CK_SLOT_INFO.flags`; the standard defines no others.
    pub flags: u32,
    /// Version "major.minor".
    pub hardware_version: String,
    /// Version "major.minor".
    pub firmware_version: String,
}

/// A token (`CK_TOKEN_INFO`, PKCS#11 3.2, section 3.2).
///
/// A number is `null` if the token does not report it (`CK_UNAVAILABLE_INFORMATION`). Sizes are in
/// bytes. Numbers beyond 2^53 - 1 are strings, see [`whole_number`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The slot of the token.
    pub slot_id: SlotId,
    /// The label that the token got when it was initialised.
    pub label: String,
    /// The manufacturer of the token.
    pub manufacturer_id: String,
    /// The model of the token.
    pub model: String,
    /// The serial number of the token.
    pub serial_number: String,
    /// The lower 32 bits of `CK_TOKEN_INFO.flags`. The standard defines no others.
    pub flags: u32,
    /// The most sessions that one application may open.
    pub max_session_count: Option<SessionLimit>,
    /// The sessions that are open.
    #[serde(with = "whole_number::option")]
    pub session_count: Option<u64>,
    /// The most read/write sessions that one application may open.
    pub max_rw_session_count: Option<SessionLimit>,
    /// The read/write sessions that are open.
    #[serde(with = "whole_number::option")]
    pub rw_session_count: Option<u64>,
    /// The length of the longest PIN, in bytes.
    #[serde(with = "whole_number::option")]
    pub max_pin_length: Option<u64>,
    /// The length of the shortest PIN, in bytes.
    #[serde(with = "whole_number::option")]
    pub min_pin_length: Option<u64>,
    /// The memory for public objects.
    #[serde(with = "whole_number::option")]
    pub total_public_memory: Option<u64>,
    /// The free memory for public objects.
    #[serde(with = "whole_number::option")]
    pub free_public_memory: Option<u64>,
    /// The memory for private objects.
    #[serde(with = "whole_number::option")]
    pub total_private_memory: Option<u64>,
    /// The free memory for private objects.
    #[serde(with = "whole_number::option")]
    pub free_private_memory: Option<u64>,
    /// Version "major.minor".
    pub hardware_version: String,
    /// Version "major.minor".
    pub firmware_version: String,
}

/// How many sessions a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SessionLimit {
    /// `"unlimited"`: the token has no limit (`CK_EFFECTIVELY_INFINITE`).
    Unlimited(Unlimited),
    /// A number, as [`whole_number`].
    Count(#[serde(with = "whole_number")] u64),
}

/// The text `"unlimited"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unlimited {
    /// The only value.
    Unlimited,
}

/// Result of `certificates`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateList {
    /// The certificates that the token shows now.
    pub certificates: Vec<CertificateInfo>,
    /// Whether the token may show more after a login. `false` if the origin is logged in.
    pub login_required: bool,
}

/// A certificate in the result of `certificates`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// The id of the certificate, for `cert_id` in calls: `CKA_ID` in lower-case hex. If `CKA_ID`
    /// is empty or not unique on the token: `sha256:` and the SHA-256 fingerprint in hex.
    pub id: String,
    /// The certificate in DER.
    pub base64: Base64Bytes,
    /// `CKA_LABEL`.
    pub label: String,
}

/// Result of `keys`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyList {
    /// The keys without a certificate that the token shows now.
    pub keys: Vec<KeyInfo>,
    /// Whether the token may show more after a login. `false` if the origin is logged in.
    pub login_required: bool,
}

/// A key without a certificate in the result of `keys`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyInfo {
    /// The id of the key, for `cert_id` in calls: `key:` and the SHA-256 hash of `public_key`, in
    /// lower-case hex. The same key has the same id on every token.
    pub id: String,
    /// `CKA_LABEL`.
    pub label: String,
    /// The algorithm of the key: `RSA`, `EC`, `Ed25519`, `ML-DSA-65` and so on.
    pub key_type: String,
    /// The size of the key in bits; `null` for algorithms that have none.
    pub key_size: Option<u32>,
    /// The name of the curve of an EC key, otherwise `null`.
    pub curve: Option<String>,
    /// The public key: a `SubjectPublicKeyInfo` in DER (RFC 5280, section 4.1.2.7).
    pub public_key: Base64Bytes,
}

/// An element of the result of `signDataBatch`: the outcome for the hash with the same index.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchItem<S = Base64Bytes> {
    /// `{"signature": …}`, with the same value as the result of `signData`.
    Signature(S),
    /// `{"error": …}`, with the same object as in an error reply.
    Error(ErrorObject),
}

impl<S> From<Failure> for BatchItem<S> {
    fn from(failure: Failure) -> Self {
        Self::Error(failure.into())
    }
}

/// The result of `token`: one object if the call has a `slot_id`, otherwise an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// The token in the slot of the call.
    One(T),
    /// The tokens in all slots.
    Many(Vec<T>),
}
