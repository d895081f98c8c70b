//! What real modules do differently from the standard, or differently from SoftHSM.

use serde::{Deserialize, Serialize};

use crate::Ulong;

/// The quirks of a simulated token. By default it has none.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Quirks {
    /// The most handles that one `C_FindObjects` returns, whatever room the caller has.
    pub handles_per_call: Option<Ulong>,
    /// Mechanisms that `C_GetMechanismList` leaves out.
    pub unlisted_mechanisms: Vec<Ulong>,
    /// Mechanisms that `C_SignInit` does not know. `C_GetMechanismList` leaves them out too.
    pub refused_mechanisms: Vec<Ulong>,
    /// The most bytes that `CKM_ECDSA` signs. Otherwise it returns `CKR_DATA_LEN_RANGE`.
    pub max_ecdsa_input: Option<Ulong>,
    /// Whether `CKM_ECDSA_SHA256` signs, which SoftHSM does not know.
    pub ecdsa_sha256: bool,
    /// The form of signatures.
    pub signature_form: SignatureForm,
    /// Whether `CKA_MODULUS` begins with a zero byte.
    pub zero_before_modulus: bool,
    /// Whether `CKA_EC_POINT` is the point itself rather than an `OCTET STRING` that holds it.
    pub raw_ec_point: bool,
    /// Private keys, by their label, for which `C_SignInit` returns this `CKR_*`. If it is
    /// `CKR_KEY_FUNCTION_NOT_PERMITTED`, their `CKA_SIGN` is false.
    pub failing_keys: Vec<(String, Ulong)>,
}

/// The form of the signatures that `C_Sign` returns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SignatureForm {
    /// The standard's.
    #[default]
    Standard,
    /// ECDSA signatures are in DER.
    EcdsaInDer,
    /// Signatures have no leading zeros. In those of ECDSA, r and s stay equally long.
    WithoutLeadingZeros,
}
