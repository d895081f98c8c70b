//! What the doctor found, as data. `doctor --json` prints it as it stands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pkcs11_bridge_protocol::result::LibraryInfo;
use pkcs11_bridge_protocol::slot_id::SlotId;
use serde::Serialize;
use serde_json::Value;

use crate::config::file::Key;

/// The whole report.
#[derive(Serialize)]
pub(super) struct Report {
    pub(super) system: System,
    pub(super) configuration: Configuration,
    pub(super) files: Vec<FileState>,
    pub(super) ports: Vec<PortState>,
    pub(super) questions: Vec<WayState>,
    pub(super) modules: Vec<ModuleState>,
    /// What is wrong, in the order in which it was found.
    pub(super) problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Clone, Serialize)]
pub(super) struct Problem {
    /// What it is about: a file, a port, a module, a token.
    pub(super) about: String,
    /// What happened and what to do.
    pub(super) text: String,
}

impl Problem {
    pub(super) fn new(about: impl Into<String>, text: impl Into<String>) -> Self {
        Self { about: about.into(), text: text.into() }
    }
}

/// The program and the system that it runs on.
#[derive(Serialize)]
pub(super) struct System {
    pub(super) version: &'static str,
    pub(super) program: Option<PathBuf>,
    pub(super) os: &'static str,
    pub(super) architecture: &'static str,
}

impl System {
    pub(super) fn this() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            program: std::env::current_exe().ok(),
            os: std::env::consts::OS,
            architecture: std::env::consts::ARCH,
        }
    }
}

/// The configuration in force.
#[derive(Serialize)]
pub(super) struct Configuration {
    /// The configuration file; `None` if the user has no folder for one.
    pub(super) file: Option<PathBuf>,
    pub(super) file_exists: bool,
    /// The files of the administrators that were read.
    pub(super) administrators: Vec<PathBuf>,
    /// The keys that administrators have locked.
    pub(super) locked: Vec<Key>,
    /// Each setting with its value.
    pub(super) settings: BTreeMap<&'static str, Value>,
}

/// A file or folder of the bridge.
#[derive(Serialize)]
pub(super) struct FileState {
    pub(super) name: &'static str,
    pub(super) path: PathBuf,
    pub(super) exists: bool,
    /// The rights of owner, group and others in octal, such as `600`. Only on Unix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mode: Option<String>,
    /// Why the bridge cannot use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}

/// A port that pages try.
#[derive(Serialize)]
pub(super) struct PortState {
    pub(super) port: u16,
    pub(super) state: PortUse,
    /// The program and the user that hold the port, as far as the system tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) holder: Option<String>,
}

/// Who uses a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PortUse {
    Free,
    /// A bridge of this user.
    Bridge,
    /// Another program of this user.
    OtherProgram,
    /// A program of another user.
    OtherUser,
    /// The system does not tell.
    Unknown,
}

/// A way to ask the user.
#[derive(Serialize)]
pub(super) struct WayState {
    pub(super) way: &'static str,
    pub(super) works: bool,
    /// What was found, or what is missing.
    pub(super) text: String,
}

/// A PKCS#11 module.
#[derive(Serialize)]
pub(super) struct ModuleState {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) path: PathBuf,
    pub(super) works: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) library: Option<LibraryInfo>,
    pub(super) slots: Vec<SlotState>,
}

impl ModuleState {
    /// Whether a token that is set up is in a slot.
    pub(super) fn has_token(&self) -> bool {
        let is_set_up = |slot: &SlotState| slot.token.as_ref().is_some_and(|t| t.initialized);
        self.slots.iter().any(is_set_up)
    }
}

/// A slot, which usually is a reader.
#[derive(Serialize)]
pub(super) struct SlotState {
    pub(super) slot_id: SlotId,
    pub(super) reader: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<TokenState>,
}

/// A token.
#[derive(Serialize)]
pub(super) struct TokenState {
    /// Whether the token is set up (`CKF_TOKEN_INITIALIZED`).
    pub(super) initialized: bool,
    pub(super) label: String,
    pub(super) manufacturer: String,
    pub(super) model: String,
    /// Only with `--personal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) serial_number: Option<String>,
    /// What the token says of its PIN.
    pub(super) pin: &'static str,
    pub(super) certificates: Vec<CertificateState>,
    /// The keys that have no certificate.
    pub(super) keys: Vec<CertificateState>,
    /// Whether the token may show more certificates or keys after a login.
    pub(super) may_show_more_after_login: bool,
}

/// A certificate and the key that belongs to it, or a key without a certificate.
#[derive(Serialize)]
pub(super) struct CertificateState {
    /// The `cert_id` for pages.
    pub(super) id: String,
    pub(super) label: String,
    /// Only with `--personal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
    /// The kind of the key; `None` if the bridge does not know it.
    pub(super) key: Option<String>,
    pub(super) purpose: &'static str,
    /// The outcome of a signature. Only with `--sign`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signature: Option<SignatureState>,
}

/// The outcome of a signature.
#[derive(Serialize)]
pub(super) struct SignatureState {
    pub(super) algorithm: String,
    pub(super) works: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) problem: Option<String>,
}
