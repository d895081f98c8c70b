//! `signData`: one signature.

use pkcs11_bridge_protocol::call::SignData;
use pkcs11_bridge_protocol::failure::Failure;
use serde_json::value::RawValue;

use super::key_certificate::KeyCertificate;
use super::key_permission;
use super::login_task::{LoginTask, SigningContext};
use super::pin::PinEntry;
use super::purpose::Purpose;
use crate::ipc::task::{KeyUse, Sign, Task};

/// Signs, with a PIN if the token wants one. The result is the signature as the page gets it.
pub(crate) async fn sign(
    pins: &PinEntry,
    context: SigningContext<'_>,
    params: SignData,
) -> Result<Box<RawValue>, Failure> {
    let SignData { module: _, slot_id, cert_id, algorithm_reference, data, pin, signature_format } =
        params;
    let algorithm = algorithm_reference;
    let certificate = KeyCertificate::read(context, slot_id, &cert_id).await?;
    key_permission::check_signing(context, &cert_id, &certificate)?;
    let task = Task::Sign(Sign {
        key: KeyUse { slot_id, certificate: certificate.fingerprint, algorithm },
        data,
        signature_format: signature_format.unwrap_or_default(),
        pin,
    });
    let purpose = Purpose::One { algorithm };
    pins.execute(&LoginTask { context, task: &task, purpose }).await
}
