//! The tasks that the bridge sends to a worker.

use std::time::Duration;

use pkcs11_bridge_protocol::algorithm::Algorithm;
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::pin::Pin;
use pkcs11_bridge_protocol::slot_id::SlotId;
use serde::{Deserialize, Serialize};

use super::certificate_listing::ListedToken;
use super::pin::PinPermission;
use crate::certificate::fingerprint::Fingerprint;

/// One task for the worker. The bridge sends borrowed values, and the worker receives owned ones.
#[derive(Serialize, Deserialize)]
pub struct TaskRequest<T = Task, P = PinPermission> {
    /// Chosen by the bridge. The response carries the same id.
    pub(crate) id: u64,
    pub(crate) task: T,
    /// The PIN that the worker may send to the token.
    pub(crate) permission: P,
}

/// What a worker can do. No `Debug`: a task may hold a PIN and data to be signed.
#[derive(Clone, Serialize, Deserialize)]
pub enum Task {
    /// Describe the module (`C_GetInfo`).
    Info,
    /// List the slots, or only those with a token.
    Slots { token_present: bool },
    /// Describe the token in one slot.
    Token { slot_id: SlotId },
    /// Describe the token in every slot that has one.
    ListTokens,
    /// List the certificates of a token, unless it is the known one. Log in first if `login` says
    /// so. The result is a `CertificateListing`.
    Certificates { slot_id: SlotId, known: Option<ListedToken>, login: bool },
    /// List the keys of a token that have no certificate. Log in first if `login` says so. The
    /// result is a `KeyListing`.
    Keys { slot_id: SlotId, login: bool },
    /// Read one certificate in DER, or the public key of a key without one.
    Certificate { slot_id: SlotId, cert_id: String },
    /// Log in, and read one certificate that the token did not show before.
    HiddenCertificate(HiddenCertificate),
    /// Make one signature. The result is what the token returns.
    Sign(Sign),
    /// Log in for a batch. The result is a [`BatchReady`].
    PrepareBatch(PrepareBatch),
    /// Read certificates and keys again at their next use.
    ForgetObjects { slot_id: SlotId },
    /// Log out of one slot, or of all.
    Logout { slot_id: Option<SlotId> },
    /// Read once which token each slot holds.
    SnapshotTokens,
}

/// A key, named by its certificate or its public key, and the algorithm that it signs with.
#[derive(Clone, Serialize, Deserialize)]
pub struct KeyUse {
    pub(crate) slot_id: SlotId,
    /// The certificate or key that the bridge decided about. Another token may have another
    /// certificate with the same `cert_id`.
    pub(crate) certificate: Fingerprint,
    pub(crate) algorithm: Algorithm,
}

/// The parameters of [`Task::HiddenCertificate`].
#[derive(Clone, Serialize, Deserialize)]
pub struct HiddenCertificate {
    pub(crate) slot_id: SlotId,
    pub(crate) cert_id: String,
    /// As in [`Sign`].
    pub(crate) pin: Option<Pin>,
}

/// The parameters of [`Task::Sign`].
#[derive(Clone, Serialize, Deserialize)]
pub struct Sign {
    pub(crate) method: SigningMethod,
    pub(crate) key: KeyUse,
    /// The hash, or the message for algorithms that hash it themselves.
    pub(crate) data: Base64Bytes,
    /// The message whose hash `data` is, if the page gave it. Some tokens hash themselves.
    pub(crate) message: Option<Base64Bytes>,
    /// The PIN that the page sent. A login with another PIN does not count for this task.
    pub(crate) pin: Option<Pin>,
}

/// The wire method that a signature is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningMethod {
    /// `signData` and `signDataBatch`: the page chose the data.
    SignData,
    /// `authenticate`: the bridge put the data together.
    Authenticate,
}

/// The parameters of [`Task::PrepareBatch`].
#[derive(Clone, Serialize, Deserialize)]
pub struct PrepareBatch {
    pub(crate) key: KeyUse,
    /// As in [`Sign`].
    pub(crate) pin: Option<Pin>,
}

/// What the bridge has to know before the signatures of a batch.
#[derive(Serialize, Deserialize)]
pub struct BatchReady {
    /// Whether the key wants a PIN for every signature (`CKA_ALWAYS_AUTHENTICATE`).
    pub(crate) pin_for_each: bool,
    /// The label of the token.
    pub(crate) token: String,
    /// As in [`PinRequest::certificate`](super::pin::PinRequest).
    pub(crate) certificate: String,
}

/// How long a worker may take for one task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    /// How long a call waits for a task that only reads, and for the start of a module.
    pub(crate) read: Duration,
    /// How long the module may take for it. The task goes on while no call waits for it.
    pub(crate) hang: Duration,
    /// For a signature: long enough for a person at the reader's pinpad.
    pub(crate) sign: Duration,
}

/// How long a task may take, counted from when the worker receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeLimits {
    /// How long its caller waits.
    pub(crate) caller: Duration,
    /// After this time the worker counts as hung. Not less than the time of the caller.
    pub(crate) worker: Duration,
}

impl Task {
    /// The wire method that the task serves, for logs and error texts.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Slots { .. } => "slots",
            Self::Token { .. } | Self::ListTokens => "token",
            Self::Certificates { .. } => "certificates",
            Self::Keys { .. } => "keys",
            Self::Certificate { .. } | Self::HiddenCertificate(_) => "signData",
            Self::Sign(Sign { method: SigningMethod::SignData, .. }) => "signData",
            Self::Sign(Sign { method: SigningMethod::Authenticate, .. }) => "authenticate",
            Self::PrepareBatch(_) => "signDataBatch",
            Self::ForgetObjects { .. } => "signData",
            Self::Logout { .. } => "logout",
            Self::SnapshotTokens => "watchSlots",
        }
    }

    /// How long the task may take.
    pub(crate) fn limits(&self, deadlines: &Deadlines) -> TimeLimits {
        let ends_at = |limit| TimeLimits { caller: limit, worker: limit };
        match self {
            Self::Sign(_)
            | Self::PrepareBatch(_)
            | Self::HiddenCertificate(_)
            | Self::Certificates { login: true, .. }
            | Self::Keys { login: true, .. } => ends_at(deadlines.sign),
            // A logout waits for the signatures in progress.
            Self::Logout { .. } => ends_at(deadlines.sign + deadlines.read),
            _ => deadlines.of_reads(),
        }
    }

    /// What the task reads; `None` if it does more than read. Two tasks that read the same have
    /// the same result.
    pub(crate) fn reading(&self) -> Option<String> {
        match self {
            Self::Sign(_)
            | Self::PrepareBatch(_)
            | Self::HiddenCertificate(_)
            | Self::Certificates { login: true, .. }
            | Self::Keys { login: true, .. }
            | Self::ForgetObjects { .. }
            | Self::Logout { .. } => None,
            Self::Info
            | Self::Slots { .. }
            | Self::Token { .. }
            | Self::ListTokens
            | Self::Certificates { .. }
            | Self::Keys { .. }
            | Self::Certificate { .. }
            | Self::SnapshotTokens => serde_json::to_string(self).ok(),
        }
    }

    /// The slot whose token the task needs; `None` if it needs none.
    pub(crate) fn slot(&self) -> Option<SlotId> {
        match self {
            Self::Token { slot_id }
            | Self::Certificates { slot_id, .. }
            | Self::Keys { slot_id, .. }
            | Self::Certificate { slot_id, .. } => Some(*slot_id),
            _ => self.login_slot(),
        }
    }

    /// The slot that the task logs in to; `None` if it needs no login.
    pub(crate) fn login_slot(&self) -> Option<SlotId> {
        match self {
            Self::Sign(Sign { key, .. }) | Self::PrepareBatch(PrepareBatch { key, .. }) => {
                Some(key.slot_id)
            }
            Self::Certificates { slot_id, login: true, .. }
            | Self::Keys { slot_id, login: true }
            | Self::HiddenCertificate(HiddenCertificate { slot_id, .. }) => Some(*slot_id),
            _ => None,
        }
    }

    /// The PIN that the page sent with its call.
    pub(crate) fn page_pin(&self) -> Option<&Pin> {
        match self {
            Self::Sign(Sign { pin, .. })
            | Self::PrepareBatch(PrepareBatch { pin, .. })
            | Self::HiddenCertificate(HiddenCertificate { pin, .. }) => pin.as_ref(),
            _ => None,
        }
    }
}

impl Deadlines {
    /// For tasks that only read, and for the start of a module.
    pub(crate) fn of_reads(&self) -> TimeLimits {
        TimeLimits { caller: self.read, worker: self.hang.max(self.read) }
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            read: Duration::from_secs(30),
            hang: Duration::from_secs(180),
            sign: Duration::from_secs(120),
        }
    }
}
