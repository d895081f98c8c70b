//! The methods that a page can call, each with its parameters and tied to its result.

use std::fmt;

use serde::de::{DeserializeOwned, Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::MAX_BATCH;
use crate::algorithm::Algorithm;
use crate::base64_bytes::Base64Bytes;
use crate::message::Id;
use crate::pin::Pin;
use crate::result::{
    BatchItem, CertificateInfo, HelloInfo, LibraryInfo, ModuleInfo, OneOrMany, SlotInfo, TokenInfo,
};
use crate::slot_id::SlotId;

/// A method: a struct of parameters that knows its name and the shape of its result.
pub trait Method: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
    /// What a successful reply holds.
    type Result: Serialize + DeserializeOwned;
}

macro_rules! methods {
    ($($(#[$doc:meta])* $params:ident = $name:literal -> $result:ty;)*) => {
        $(impl Method for $params {
            const NAME: &'static str = $name;
            type Result = $result;
        })*

        /// A decoded call. It has no `Debug`, because some hold a PIN.
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

            /// Decodes the parameters of a method; `None` where no method has that name.
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

/// Turns the text of `params` into the struct that a method wants.
pub(crate) trait Decoder {
    type Error;
    fn decode<P: DeserializeOwned>(self) -> Result<P, Self::Error>;
}

methods! {
    /// Who the bridge is and what it can do.
    Hello = "hello" -> HelloInfo;
    /// The modules that the page may name.
    Modules = "modules" -> Vec<ModuleInfo>;
    /// What the module says of itself.
    Info = "info" -> LibraryInfo;
    /// The slots of a module.
    Slots = "slots" -> Vec<SlotInfo>;
    /// The token in one slot, or all tokens.
    Token = "token" -> OneOrMany<TokenInfo>;
    /// The certificates on a token.
    Certificates = "certificates" -> Vec<CertificateInfo>;
    /// A signature with the private key of a certificate.
    SignData = "signData" -> Base64Bytes;
    /// Whether a signature is that of a certificate's key.
    VerifySignedData = "verifySignedData" -> bool;
    /// Signatures of many hashes with one PIN, in the order of the hashes.
    SignDataBatch = "signDataBatch" -> Vec<BatchItem>;
    /// Gives up what is left of a `signDataBatch` that is in flight on this connection. The result
    /// says whether there was one.
    Cancel = "cancel" -> bool;
    /// Ends the origin's login. The result says whether there was one.
    Logout = "logout" -> bool;
    /// From now on the connection gets a `slot` event for each token that is put into a slot of the module
    /// or taken out of one. The result is `false` where it had them already.
    WatchSlots = "watchSlots" -> bool;
    /// No more of these events. The result says whether the connection had them.
    UnwatchSlots = "unwatchSlots" -> bool;
}

impl Call {
    /// The module that the call names, where it concerns one: `None` for `hello`, `modules` and
    /// `cancel`, `Some(None)` where the default module is meant.
    pub fn module(&self) -> Option<Option<&str>> {
        match self {
            Self::Hello(_) | Self::Modules(_) | Self::Cancel(_) => None,
            Self::Info(params) => Some(params.module.as_deref()),
            Self::Slots(params) => Some(params.module.as_deref()),
            Self::Token(params) => Some(params.module.as_deref()),
            Self::Certificates(params) => Some(params.module.as_deref()),
            Self::SignData(params) => Some(params.module.as_deref()),
            Self::VerifySignedData(params) => Some(params.module.as_deref()),
            Self::SignDataBatch(params) => Some(params.module.as_deref()),
            Self::Logout(params) => Some(params.module.as_deref()),
            Self::WatchSlots(params) => Some(params.module.as_deref()),
            Self::UnwatchSlots(params) => Some(params.module.as_deref()),
        }
    }

    /// The slot whose token signs, where the call has something signed.
    pub fn signing_slot(&self) -> Option<SlotId> {
        match self {
            Self::SignData(params) => Some(params.slot_id),
            Self::SignDataBatch(params) => Some(params.slot_id),
            _ => None,
        }
    }
}

/// Parameters of `hello`: none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {}

/// Parameters of `modules`: none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modules {}

/// Parameters of `info`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Info {
    /// A name from `modules`, or the path of one of them; the default module where it is missing.
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
    /// `true`: only the slots with a token. All slots where it is missing.
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
    /// The slot; every slot with a token where it is missing.
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
    /// The slot that the token is in.
    pub slot_id: SlotId,
}

/// Parameters of `signData`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignData {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot that the token is in.
    pub slot_id: SlotId,
    /// An `id` from `certificates`.
    pub cert_id: String,
    /// How to sign.
    pub algorithm_reference: Algorithm,
    /// The hash to be signed; the message itself for EdDSA and ML-DSA.
    pub data: Base64Bytes,
    /// The user's PIN. Where it is missing and needed, the bridge asks the user for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// The form of an ECDSA signature; raw where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_format: Option<SignatureFormat>,
}

/// Parameters of `verifySignedData`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySignedData {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot that the token is in.
    pub slot_id: SlotId,
    /// An `id` from `certificates`.
    pub cert_id: String,
    /// How it was signed.
    pub algorithm_reference: Algorithm,
    /// The hash that was signed; the message itself for EdDSA and ML-DSA.
    pub data: Base64Bytes,
    /// The signature in question.
    pub signature: Base64Bytes,
    /// The form of an ECDSA signature; raw where it is missing.
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
    /// The slot that the token is in.
    pub slot_id: SlotId,
    /// An `id` from `certificates`.
    pub cert_id: String,
    /// How to sign each.
    pub algorithm_reference: Algorithm,
    /// 1 to [`crate::MAX_BATCH`] hashes; the messages themselves for EdDSA and ML-DSA.
    #[serde(deserialize_with = "at_most_a_batch")]
    pub data: Vec<Base64Bytes>,
    /// As in [`SignData::pin`]. A key that wants the PIN for every signature
    /// (`CKA_ALWAYS_AUTHENTICATE`) has the bridge ask the user for each, also where this is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// The form of ECDSA signatures; raw where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature_format: Option<SignatureFormat>,
}

/// Reads no more than a batch may have, so that a frame of a million small elements takes no room.
fn at_most_a_batch<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Base64Bytes>, D::Error> {
    struct BatchVisitor;

    impl<'de> Visitor<'de> for BatchVisitor {
        type Value = Vec<Base64Bytes>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an array of 1 to {MAX_BATCH} strings")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
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

    deserializer.deserialize_seq(BatchVisitor)
}

/// Parameters of `cancel`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cancel {
    /// The id of the request.
    pub id: Id,
}

/// Parameters of `logout`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// As in [`Info::module`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<String>,
    /// The slot; all of the module's where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// The form of an ECDSA signature. Signatures of other keys have one form only and ignore it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureFormat {
    /// r and s side by side, each as long as the curve's order (PKCS#11 3.2, 6.3.1; RFC 7518, 3.4).
    #[default]
    Raw,
    /// `ECDSA-Sig-Value` in DER (RFC 3279, 2.2.3).
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
