//! `verifySignedData`: checks a signature in the bridge, with a certificate that is on the token.

use pkcs11_bridge_protocol::call::VerifySignedData;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use serde_json::value::RawValue;

use super::SigningContext;
use super::key_certificate::KeyCertificate;
use crate::ipc::message::encode_result;
use crate::verification::scheme::check_length;
use crate::verification::token_signature;

/// Checks one signature. The result is `true` or `false`.
pub(crate) async fn verify(
    context: SigningContext<'_>,
    params: VerifySignedData,
) -> Result<Box<RawValue>, Failure> {
    let VerifySignedData {
        module: _,
        slot_id,
        cert_id,
        algorithm_reference,
        data,
        signature,
        signature_format,
    } = params;
    check_length(algorithm_reference, data.as_ref())?;
    let certificate = KeyCertificate::read(context, slot_id, &cert_id).await?;
    let verifier = certificate.verifier(algorithm_reference)?;
    let format = signature_format.unwrap_or_default();
    let is_valid = tokio::task::spawn_blocking(move || {
        token_signature::verify(&verifier, data.as_ref(), signature.as_ref(), format)
    });
    let is_valid = is_valid.await.map_err(|error| {
        let message = format!("The bridge cannot check the signature: {error}.");
        Failure::new(ErrorCode::Internal, message)
    })?;
    encode_result(&is_valid)
}
