//! The methods that a page can call, with their parameters and results.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::MAX_BATCH;
use crate::algorithm::Algorithm;
use crate::authentication::{Authentication, Challenge};
use crate::base64_bytes::Base64Bytes;
use crate::document::Document;
use crate::failure::Failure;
use crate::identity::Nonce;
use crate::message::Id;
use crate::pin::Pin;
use crate::result::{
    BatchItem, CertificateList, HelloInfo, KeyList, LibraryInfo, ModuleInfo, OneOrMany, SlotInfo,
    TokenInfo,
};
use crate::slot_id::SlotId;

/// A method. The struct that implements it holds the parameters.
pub trait Method: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
    /// The `result` of a successful reply.
    type Result: Serialize + DeserializeOwned;
}

macro_rules! methods {
    ($($(#[$doc:meta])* $params:ident = $name:literal -> $result:ty;)*) => {
        $(impl Method for $params {
            const NAME: &'static str = $name;
            type Result = $result;
        })*

        /// A decoded call. There is no `Debug`, because some calls hold a PIN.
        #[derive(Clone, Serialize, Deserialize)]
        #[serde(tag = "method", content = "params")]
        pub enum Call {
            $($(#[$doc])* #[serde(rename = $name)] $params($params),)*
        }

        impl Call {
            /// The names of all methods, as `hello` lists them.
            pub const METHODS: &'static [&'static str] = &[$($name,)*];

            /// The name of the method.
            pub const fn method(&self) -> &'static str {
                match self { $(Self::$params(_) => $name,)* }
            }

            /// Decodes the parameters of a method; `None` if no method has that name.
            pub(crate) fn decode<E>(
                method: &str,
                decoder: impl Decoder<Error = E>,
            ) -> Option<Result<Self, E>> {
                match method {
                    $($name => Some(decoder.decode().map(Self::$params)),)*
                    _ => None,
                }
            }
        }
    };
}

/// Decodes `params` into the struct of a method.
pub(crate) trait Decoder {
    type Error;
    fn decode<P: DeserializeOwned>(self) -> Result<P, Self::Error>;
}

methods! {
    /// Returns the name, the version and the methods of the bridge, and proves its key.
    Hello = "hello" -> HelloInfo;
    /// Returns the modules that the page may use.
    Modules = "modules" -> Vec<ModuleInfo>;
    /// Returns the description of a module (`C_GetInfo`).
    Info = "info" -> LibraryInfo;
    /// Returns the slots of a module (`C_GetSlotList`, `C_GetSlotInfo`).
    Slots = "slots" -> Vec<SlotInfo>;
    /// Returns the token in one slot, or all tokens of a module (`C_GetTokenInfo`).
    Token = "token" -> OneOrMany<TokenInfo>;
    /// Returns the certificates on a token.
    Certificates = "certificates" -> CertificateList;
    /// Returns the keys on a token that have no certificate.
    Keys = "keys" -> KeyList;
    /// Signs with the private key of a certificate. Returns the signature.
    SignData = "signData" -> Base64Bytes;
    /// Proves to the page's server who the user is. Returns the signature and the certificate.
    Authenticate = "authenticate" -> Authentication;
    /// Checks a signature against a certificate. Returns whether it is valid.
    VerifySignedData = "verifySignedData" -> bool;
    /// Signs several hashes with one PIN. Returns the signatures in the order of the hashes.
    SignDataBatch = "signDataBatch" -> Vec<BatchItem>;
    /// Cancels the rest of a `signDataBatch` that is in flight on this connection. Returns `false`
    /// if the connection has no such request.
    Cancel = "cancel" -> bool;
    /// Ends the login of the origin. Returns `false` if it was not logged in.
    Logout = "logout" -> bool;
    /// Starts the `slot` events of a module on this connection. Returns `false` if the connection
    /// already has them.
    WatchSlots = "watchSlots" -> bool;
    /// Stops the `slot` events of a module on this connection. Returns `false` if the connection
    /// did not have them.
    UnwatchSlots = "unwatchSlots" -> bool;
}

impl Call {
    /// The `module` of the call. `None` for `hello`, `modules` and `cancel`, which have no module;
    /// `Some(None)` for the default module.
    pub fn module(&self) -> Option<Option<&str>> {
        match self {
            Self::Hello(_) | Self::Modules(_) | Self::Cancel(_) => None,
            Self::Info(params) => Some(params.module.as_deref()),
            Self::Slots(params) => Some(params.module.as_deref()),
            Self::Token(params) => Some(params.module.as_deref()),
            Self::Certificates(params) => Some(params.module.as_deref()),
            Self::Keys(params) => Some(params.module.as_deref()),
            Self::SignData(params) => Some(params.module.as_deref()),
            Self::Authenticate(params) => Some(params.module.as_deref()),
            Self::VerifySignedData(params) => Some(params.module.as_deref()),
            Self::SignDataBatch(params) => Some(params.module.as_deref()),
            Self::Logout(params) => Some(params.module.as_deref()),
            Self::WatchSlots(params) => Some(params.module.as_deref()),
            Self::UnwatchSlots(params) => Some(params.module.as_deref()),
        }
    }

    /// The slot of the token that signs; `None` if the call does not sign.
    pub fn signing_slot(&self) -> Option<SlotId> {
        match self {
            Self::SignData(params) => Some(params.slot_id),
            Self::SignDataBatch(params) => Some(params.slot_id),
            Self::Authenticate(params) => Some(params.slot_id),
            _ => None,
        }
    }
}

/// Parameters of `hello`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Random bytes. If they are given, the result has an [`Identity`](crate::identity::Identity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<Nonce>,
    /// Whether the bridge may ask the user to approve the origin. If `false`, and the origin is not
    /// approved, the call fails with 401/500 at once. If it is missing, the bridge may ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask_user: Option<bool>,
}

/// Parameters of `modules`: none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {}

/// Parameters of `info`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Info {
    /// The name of a module from `modules`, or its path. If it is missing, the bridge uses its
    /// default module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

/// Parameters of `slots`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slots {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// Whether to return only the slots with a token. If it is missing, the bridge returns all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_present: Option<bool>,
}

/// Parameters of `token`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot. If it is missing, the bridge returns the tokens in all slots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// Parameters of `certificates`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificates {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot of the token.
    pub slot_id: SlotId,
    /// Whether to log in first, because the token may show some certificates only then. The bridge
    /// asks the user for the PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<bool>,
}

/// Parameters of `keys`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot of the token.
    pub slot_id: SlotId,
    /// Whether to log in first, because most tokens show private keys only then. The bridge asks
    /// the user for the PIN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<bool>,
}

/// Parameters of `signData`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignData {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot of the token.
    pub slot_id: SlotId,
    /// The `id` of the certificate, from `certificates`, or of the key, from `keys`.
    pub cert_id: String,
    /// The algorithm of the signature.
    pub algorithm_reference: Algorithm,
    /// The hash to sign. For EdDSA and ML-DSA, the message itself. Exactly one of `data` and
    /// `message` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Base64Bytes>,
    /// The message to hash and sign. The bridge hashes it, or the token does if it signs no hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Base64Bytes>,
    /// The user's PIN. If it is missing and the token needs it, the bridge asks the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// The encoding of an ECDSA signature. If it is missing, the bridge returns `raw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_format: Option<SignatureFormat>,
    /// The document behind the hash. The bridge shows it to the user as the page's claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
}

impl SignData {
    /// Fails unless exactly one of `data` and `message` is given.
    pub fn check_input(&self) -> Result<(), Failure> {
        let problem = match (&self.data, &self.message) {
            (Some(_), None) | (None, Some(_)) => return Ok(()),
            (Some(_), Some(_)) => "cannot be passed together with `message`. Pass one of them.",
            (None, None) => "is missing. Pass the hash as `data`, or the message as `message`.",
        };
        Err(Failure::bad_argument("data", problem))
    }
}

/// Parameters of `authenticate`. There is no `pin`: the bridge asks the user.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authenticate {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot of the token.
    pub slot_id: SlotId,
    /// The `id` of the certificate, from `certificates`.
    pub cert_id: String,
    /// The challenge of the page's server: random bytes that it has never used before.
    pub challenge: Challenge,
}

/// Parameters of `verifySignedData`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySignedData {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot of the token.
    pub slot_id: SlotId,
    /// The `id` of the certificate, from `certificates`, or of the key, from `keys`.
    pub cert_id: String,
    /// The algorithm of the signature.
    pub algorithm_reference: Algorithm,
    /// The hash that was signed. For EdDSA and ML-DSA, the message itself.
    pub data: Base64Bytes,
    /// The signature to check.
    pub signature: Base64Bytes,
    /// The encoding of an ECDSA signature. If it is missing, the bridge expects `raw`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_format: Option<SignatureFormat>,
}

/// Parameters of `signDataBatch`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignDataBatch {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot of the token.
    pub slot_id: SlotId,
    /// The `id` of the certificate, from `certificates`, or of the key, from `keys`.
    pub cert_id: String,
    /// The algorithm of each signature.
    pub algorithm_reference: Algorithm,
    /// 1 to [`crate::MAX_BATCH`] hashes to sign. For EdDSA and ML-DSA, the messages themselves.
    #[serde(deserialize_with = "decode_batch")]
    pub data: Vec<Base64Bytes>,
    /// As in [`SignData::pin`]. A key may need the PIN for every signature
    /// (`CKA_ALWAYS_AUTHENTICATE`). The bridge then asks the user for each one, even if `pin` is
    /// given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// As in [`SignData::signature_format`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_format: Option<SignatureFormat>,
    /// The document behind all hashes, as in [`SignData::document`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Document>,
    /// The document behind each hash, in the order of `data`; `null` for one without.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "decode_documents"
    )]
    pub documents: Option<Vec<Option<Document>>>,
}

/// Decodes at most [`MAX_BATCH`] hashes.
fn decode_batch<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Base64Bytes>, D::Error> {
    deserializer.deserialize_seq(BatchVisitor { elements: "strings", decoded: PhantomData })
}

/// Decodes at most [`MAX_BATCH`] documents.
fn decode_documents<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Option<Document>>>, D::Error> {
    struct Documents(Vec<Option<Document>>);

    impl<'de> Deserialize<'de> for Documents {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let visitor = BatchVisitor { elements: "documents", decoded: PhantomData };
            deserializer.deserialize_seq(visitor).map(Self)
        }
    }

    let documents = Option::<Documents>::deserialize(deserializer)?;
    Ok(documents.map(|Documents(documents)| documents))
}

/// Refuses a long array early, so that a frame with a million small elements does not fill the
/// memory.
struct BatchVisitor<T> {
    /// What the elements are, for the error.
    elements: &'static str,
    decoded: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for BatchVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array of 1 to {MAX_BATCH} {}", self.elements)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut data = Vec::new();
        while let Some(element) = elements.next_element()? {
            if data.len() == MAX_BATCH {
                return Err(A::Error::invalid_length(MAX_BATCH + 1, &self));
            }
            data.push(element);
        }
        Ok(data)
    }
}

/// Parameters of `cancel`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// The id of the `signDataBatch` request.
    pub id: Id,
}

/// Parameters of `logout`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot. If it is missing, the bridge ends the login in all slots of the module.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// The encoding of an ECDSA signature. Signatures of other keys have one encoding, so the bridge
/// ignores it for them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureFormat {
    /// r and s concatenated, each as long as the order of the curve (PKCS#11 3.2, section 6.3.1;
    /// RFC 7518, section 3.4).
    #[default]
    Raw,
    /// `ECDSA-Sig-Value` in DER (RFC 3279, section 2.2.3).
    Der,
}

/// Parameters of `watchSlots`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WatchSlots {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}

/// Parameters of `unwatchSlots`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnwatchSlots {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
}
