//! Decides what a page may do with a key, from the purpose of the key and the administrator's
//! rules.

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use super::SigningContext;
use super::key_certificate::KeyCertificate;
use crate::access::origin::RequestOrigin;
use crate::certificate::key_purpose::KeyPurpose;

/// Fails if `signData` may not use the key. A key that is only for authentication would sign a TLS
/// handshake as readily as a document: the page alone chooses the hash.
pub(super) fn check_signing(
    context: SigningContext<'_>,
    certificate: &KeyCertificate<'_>,
) -> Result<(), Failure> {
    match certificate.purpose() {
        KeyPurpose::Signing | KeyPurpose::NonRepudiation | KeyPurpose::Unknown => return Ok(()),
        KeyPurpose::AuthenticationOnly => {}
    }
    let allowed = match context.origin {
        RequestOrigin::Tuple(origin) => {
            context.rules.sign_with_authentication_keys(origin, certificate.fingerprint())
        }
        RequestOrigin::Opaque => false,
    };
    if allowed { Ok(()) } else { Err(only_for_authentication(certificate.id())) }
}

/// Fails if `authenticate` may not use the key. A key that only signs documents must not prove an
/// identity. A key without a certificate names nobody.
pub(super) fn check_authentication(certificate: &KeyCertificate<'_>) -> Result<(), Failure> {
    if certificate.purpose() == KeyPurpose::Unknown {
        return Err(names_nobody(certificate.id()));
    }
    if KeyPurpose::allows_authentication(certificate.der()) {
        return Ok(());
    }
    let cert_id = certificate.id();
    Err(Failure::new(
        ErrorCode::KeyNotForThis,
        format!(
            "The key of certificate {cert_id} is not for authentication: its key usage lacks \
             digitalSignature. Choose another certificate."
        ),
    ))
}

fn names_nobody(key_id: &str) -> Failure {
    Failure::new(
        ErrorCode::KeyNotForThis,
        format!(
            "The key {key_id} has no certificate, so it does not say who the user is. Choose a \
             certificate."
        ),
    )
}

fn only_for_authentication(cert_id: &str) -> Failure {
    Failure::new(
        ErrorCode::KeyNotForThis,
        format!(
            "The key of certificate {cert_id} is only for authentication, so it signs no data for \
             pages. Log the user in with `authenticate`, or choose another certificate. An \
             administrator can allow it: see sign_with_authentication_keys in the bridge's \
             documentation."
        ),
    )
}
