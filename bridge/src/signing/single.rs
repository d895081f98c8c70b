//! `signData`: one signature.

use pkcs11_bridge_protocol::call::SignData;
use pkcs11_bridge_protocol::failure::Failure;
use serde_json::value::RawValue;

use super::in_flight::InFlight;
use super::key_certificate::KeyCertificate;
use super::key_permission;
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
    let SignData {
        module: _,
        slot_id,
        cert_id,
        algorithm_reference,
        data,
        pin,
        signature_format,
        document,
    } = params;
    let algorithm = algorithm_reference;
    check_length(algorithm, data.as_ref())?;
    let _in_flight = InFlight::begin();
    let certificate = KeyCertificate::get(context, slot_id, &cert_id).await?;
    key_permission::check_signing(context, &certificate)?;
    let verifier = certificate.verifier(algorithm)?;
    let key = certificate.key_use(algorithm);
    let task = Task::Sign(Sign { method: SigningMethod::SignData, key, data: data.clone(), pin });
    let purpose = Purpose::One { algorithm, document: document.as_ref() };
    let login = login_terms::terms(context, &certificate, None);
    let login_task = LoginTask { context, task: &task, login: &login, purpose };
    let reported =
        pins.execute(&login_task).await.map_err(|failure| certificate.failed(failure))?;
    certificate.check(&verifier, &data, &reported, signature_format.unwrap_or_default()).await
}
