//! What successful calls answer. The names are those of the JavaScript API, so the client passes
//! these on as they are.

use serde::{Deserialize, Serialize};

use crate::base64_bytes::Base64Bytes;
use crate::error_object::ErrorObject;
use crate::slot_id::SlotId;

/// Result of `hello`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelloInfo {
    /// `pkcs11-bridge`
    pub name: String,
    /// The version of the bridge.
    pub version: String,
    /// The sub-protocol, [`crate::SUBPROTOCOL`].
    pub protocol: String,
    /// The methods that this bridge has.
    pub methods: Vec<String>,
    /// Where it takes PINs from.
    pub pin_entry: PinEntry,
}

/// Where the bridge takes PINs from. A reader's own pinpad always comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinEntry {
    /// Only from the user, in a dialog on the desktop: a call that brings a PIN is refused.
    Native,
    /// From the call, or from the user where the call brings none.
    #[default]
    PageOrNative,
}

/// An element of the result of `modules`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleInfo {
    /// The name by which calls choose the module.
    pub name: String,
    /// What it is, for a person.
    pub description: String,
    /// Whether it can be used.
    pub state: ModuleState,
}

/// How a module stands with the origin that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModuleState {
    /// Not started yet; the first call starts it.
    Available,
    /// Started.
    Running,
    /// Its file is not there.
    Missing,
    /// Not started again for a while, because it kept failing.
    SetAside,
}

/// Result of `info` (`CK_INFO`, PKCS#11 3.2, section 3.1). Versions are "major.minor".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LibraryInfo {
    /// The version of PKCS#11 that the module implements.
    pub cryptoki_version: String,
    /// Who made the module.
    pub manufacturer_id: String,
    /// Reserved by the standard: 0.
    pub flags: u64,
    /// What the module is.
    pub library_description: String,
    /// The version of the module.
    pub library_version: String,
}

/// An element of the result of `slots` (`CK_SLOT_INFO`, PKCS#11 3.2, section 3.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotInfo {
    /// The id by which calls choose the slot.
    pub slot_id: SlotId,
    /// The slot, such as the name of a reader.
    pub description: String,
    /// 1 token present, 2 removable device, 4 hardware slot.
    pub flags: u64,
    /// "major.minor"
    pub hardware_version: String,
    /// "major.minor"
    pub firmware_version: String,
}

/// A token (`CK_TOKEN_INFO`, PKCS#11 3.2, section 3.2). A number that the token does not tell
/// (`CK_UNAVAILABLE_INFORMATION`), and a session limit that it does not have
/// (`CK_EFFECTIVELY_INFINITE`), is `null`. Memory is in bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenInfo {
    /// The slot that the token is in.
    pub slot_id: SlotId,
    /// The name that its owner gave it.
    pub label: String,
    /// Who made the token.
    pub manufacturer_id: String,
    /// The model of the token.
    pub model: String,
    /// The serial number of the token.
    pub serial_number: String,
    /// The bits of `CK_TOKEN_INFO`.
    pub flags: u64,
    /// How many sessions one application may open.
    pub max_session_count: Option<u64>,
    /// How many are open.
    pub session_count: Option<u64>,
    /// How many read/write sessions one application may open.
    pub max_rw_session_count: Option<u64>,
    /// How many are open.
    pub rw_session_count: Option<u64>,
    /// The longest PIN in bytes.
    pub max_pin_length: u64,
    /// The shortest PIN in bytes.
    pub min_pin_length: u64,
    /// Memory for public objects.
    pub total_public_memory: Option<u64>,
    /// What is free of it.
    pub free_public_memory: Option<u64>,
    /// Memory for private objects.
    pub total_private_memory: Option<u64>,
    /// What is free of it.
    pub free_private_memory: Option<u64>,
    /// "major.minor"
    pub hardware_version: String,
    /// "major.minor"
    pub firmware_version: String,
}

/// An element of the result of `certificates`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateInfo {
    /// Lower-case hex of `CKA_ID`; `sha256:` and the fingerprint where that is empty or not unique
    /// on the token.
    pub id: String,
    /// The certificate in DER.
    pub base64: Base64Bytes,
    /// `CKA_LABEL`
    pub label: String,
}

/// An element of the result of `signDataBatch`, at the place of its hash.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BatchItem {
    /// `{"signature": …}`, as `signData` gives it.
    Signature(Base64Bytes),
    /// `{"error": …}`, the object of an error reply.
    Error(ErrorObject),
}

/// The result of `token`: one object where a slot was named, otherwise an array.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// For the slot that was named.
    One(T),
    /// For every slot with a token.
    Many(Vec<T>),
}
