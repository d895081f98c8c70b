//! The bridge that the tests use, and helpers that call the client as a page does.
//!
//! The compiler reads three environment variables: `PKCS11_BRIDGE_PORT`, the port of the bridge;
//! `PKCS11_BRIDGE_CONTROL`, an address that stops and starts the bridge by `POST`; and
//! `PKCS11_BRIDGE_PIN`, the PIN of the token. The token has the keys of [`KEYS`].

use pkcs11_bridge_client::{AbstractPkcs11, Client, RestException};
use wasm_bindgen::prelude::*;

pub(super) use super::page::*;

/// `cert_id`, type, size and curve of each key on the token.
pub(super) const KEYS: [(&str, &str, f64, Option<&str>); 5] = [
    ("01", "RSA", 2048.0, None),
    ("02", "RSA", 3072.0, None),
    ("03", "EC", 256.0, Some("P-256")),
    ("04", "EC", 384.0, Some("P-384")),
    ("05", "EC", 521.0, Some("P-521")),
];

/// SoftHSM2's module, as Debian's package `libsofthsm2` installs it.
pub(super) const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// The base64 of the SHA-256 of nothing.
pub(super) const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

pub(super) fn port() -> u16 {
    variable("PKCS11_BRIDGE_PORT", option_env!("PKCS11_BRIDGE_PORT")).parse().expect("a port")
}

pub(super) fn pin() -> &'static str {
    variable("PKCS11_BRIDGE_PIN", option_env!("PKCS11_BRIDGE_PIN"))
}

pub(super) fn control() -> &'static str {
    variable("PKCS11_BRIDGE_CONTROL", option_env!("PKCS11_BRIDGE_CONTROL"))
}

fn variable(name: &str, value: Option<&'static str>) -> &'static str {
    value.unwrap_or_else(|| panic!("{name} is not set: the end-to-end tests run these tests"))
}

/// Stops or starts the bridge, or both. The action is "stop", "start" or "restart".
pub(super) async fn command(action: &str) {
    let posted = evaluate(&format!(
        "fetch('{}/{action}', {{ method: 'POST' }}).then((response) => response.ok)",
        control()
    ));
    assert_eq!(resolved(posted.unchecked_into()).await, JsValue::TRUE, "POST /{action}");
}

/// Connects to the bridge's port with the default options.
pub(super) async fn connect() -> Client {
    connect_with("{}").await.expect("a bridge")
}

/// Connects with options in JavaScript.
pub(super) async fn connect_with(options: &str) -> Result<Client, RestException> {
    let port = port();
    let options = evaluate(&format!("({{ ports: [{port}, {port}], ...{options} }})"));
    pkcs11_bridge_client::connect(options, None).await
}

/// The default module over a new connection.
pub(super) async fn pkcs11() -> AbstractPkcs11 {
    default_module(&connect().await)
}

pub(super) fn default_module(client: &Client) -> AbstractPkcs11 {
    client.pkcs11(JsValue::UNDEFINED).expect("the default module")
}

/// The slot of the token.
pub(super) async fn slot(pkcs11: &AbstractPkcs11) -> JsValue {
    let slots = resolved(pkcs11.slots_with_token_present(JsValue::UNDEFINED)).await;
    at(&slots, "data.0.slot_id")
}

/// The argument of `signData` for a key, with the PIN.
pub(super) async fn sign_request(pkcs11: &AbstractPkcs11, key: &str) -> JsValue {
    let request = request(pkcs11, key).await;
    set(&request, "pin", pin());
    request
}

/// The argument of `verifySignedData` for a key.
pub(super) async fn verify_request(pkcs11: &AbstractPkcs11, key: &str, signature: &str) -> JsValue {
    let request = request(pkcs11, key).await;
    set(&request, "signature", signature);
    request
}

async fn request(pkcs11: &AbstractPkcs11, key: &str) -> JsValue {
    let request = evaluate(&format!(
        "({{ cert_id: '{key}', algorithm_reference: 'sha256', data: '{HASH}' }})"
    ));
    set(&request, "slot_id", slot(pkcs11).await);
    request
}
