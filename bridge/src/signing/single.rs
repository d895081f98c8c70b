//! `signData`: one signature.

use pkcs11_bridge_protocol::call::SignData;
use pkcs11_bridge_protocol::failure::Failure;
use serde_json::value::RawValue;

use super::hashed::hashed;
use super::in_flight::InFlight;
use super::key_permission;
use super::key_search::{Found, Search};
use super::login_task::{LoginTask, SigningContext};
use super::login_terms;
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::ipc::task::{Sign, SigningMethod, Task};
use crate::verification::scheme::check_length;

/// Signs, with a PIN if the token wants one. The result is the signature as the page gets it.
pub(crate) async fn sign(
    pins: &PinEntry,
    context: SigningContext<'_>,
    params: SignData,
) -> Result<Box<RawValue>, Failure> {
    params.check_input()?;
    let SignData {
        module: _,
        slot_id,
        cert_id,
        algorithm_reference,
        data,
        message,
        pin,
        signature_format,
        document,
    } = params;
    let algorithm = algorithm_reference;
    let data = match (data, &message) {
        (Some(data), _) => data,
        (_, message) => hashed(algorithm, message.as_ref().map_or(&[], AsRef::as_ref)).into(),
    };
    check_length(algorithm, data.as_ref())?;
    let _in_flight = InFlight::begin();
    let purpose = Purpose::One { algorithm, data: data.as_ref(), document: document.as_ref() };
    let search = Search { pins, context, slot_id, cert_id: &cert_id, pin: pin.clone() };
    let Found { certificate, call } = search.find(purpose).await?;
    key_permission::check_signing(context, &certificate)?;
    let verifier = certificate.verifier(algorithm)?;
    let key = certificate.key_use(algorithm);
    let method = SigningMethod::SignData;
    let task = Task::Sign(Sign { method, key, data: data.clone(), message, pin });
    let login = login_terms::terms(context, &certificate, call);
    let login_task = LoginTask { context, task: &task, login: &login, purpose };
    let reported =
        pins.execute(&login_task).await.map_err(|failure| certificate.failed(failure))?;
    certificate.check(&verifier, &data, &reported, signature_format.unwrap_or_default()).await
}
