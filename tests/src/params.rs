//! Valid parameters of `signData` and `verifySignedData`, and functions to change them.

use serde_json::{Value, json};

use crate::digest::{base64, digest};
use crate::token::{PIN, TestToken};

/// The message that most tests sign.
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

/// Parameters of `verifySignedData` for the parameters of a `signData` and its signature.
pub fn verify_signed_data(sign_data: &Value, signature: &Value) -> Value {
    with(&without(sign_data, "pin"), "signature", signature.clone())
}

/// A copy of the parameters with one parameter added or changed.
pub fn with(params: &Value, name: &str, value: impl Into<Value>) -> Value {
    let mut params = params.clone();
    params[name] = value.into();
    params
}

/// A copy of the parameters without one of them.
pub fn without(params: &Value, name: &str) -> Value {
    let mut params = params.clone();
    params.as_object_mut().expect("an object").remove(name).expect("a parameter of that name");
    params
}
