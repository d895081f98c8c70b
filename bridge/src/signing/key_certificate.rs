//! The certificate of the key that a page names. The bridge reads it before the key is used, and
//! decides by it. The worker then signs only with the key of this certificate.

use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::slot_id::SlotId;

use super::SigningContext;
use crate::certificate::fingerprint::Fingerprint;
use crate::certificate::key_purpose::KeyPurpose;
use crate::ipc::frame;
use crate::ipc::pin::PinPermission;
use crate::ipc::task::Task;
use crate::supervisor::Request;

/// The certificate of a key.
pub(crate) struct KeyCertificate {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) purpose: KeyPurpose,
}

impl KeyCertificate {
    /// Reads the certificate from the token.
    pub(super) async fn read(
        context: SigningContext<'_>,
        slot_id: SlotId,
        cert_id: &str,
    ) -> Result<Self, Failure> {
        let task = Task::Certificate { slot_id, cert_id: cert_id.to_owned() };
        let request = Request { task: &task, permission: &PinPermission::None };
        let SigningContext { supervisor, session, module, .. } = context;
        let result = supervisor.execute(session, module, &request).await?.result()?;
        let Base64Bytes(der) = frame::decode(result.get().as_bytes())
            .map_err(|error| Failure::new(ErrorCode::Internal, error.to_string()))?;
        Ok(Self { fingerprint: Fingerprint::of(&der), purpose: KeyPurpose::of_certificate(&der) })
    }
}
