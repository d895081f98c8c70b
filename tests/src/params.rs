//! The parameters of calls that sign and verify, right in every point, for tests to bend.

use serde_json::{Value, json};

use crate::digest::{base64, digest};
use crate::token::{PIN, TestToken};

/// What most tests sign.
pub const MESSAGE: &[u8] = b"a message to be signed";

/// Parameters of `signData` for the hash of [`MESSAGE`], with the PIN.
pub fn sign_data(token: &TestToken, cert_id: &str, algorithm: &str) -> Value {
    json!({
        "slot_id": token.slot(),
        "cert_id": cert_id,
        "algorithm_reference": algorithm,
        "data": base64(&digest(algorithm, MESSAGE)),
        "pin": PIN,
    })
}

/// Parameters of `verifySignedData` that belong to those of a `signData` that gave `signature`.
pub fn verify_signed_data(sign_data: &Value, signature: &Value) -> Value {
    with(&without(sign_data, "pin"), "signature", signature.clone())
}

/// The parameters with one more, or with another value of one.
pub fn with(params: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut params = params.clone();
    params[name] = value.into();
    params
}

/// The parameters but one.
pub fn without(params: &Value, name: &str) -> Value {
    let mut params = params.clone();
    params.as_object_mut().expect("an object").remove(name).expect("a parameter of that name");
    params
}
