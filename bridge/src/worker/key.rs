//! Finds the private key of a certificate: by the certificate's `CKA_ID`, then by its public key.

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::Encode;
use der::asn1::OctetStringRef;
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;

use super::certificates::TokenCertificate;
use super::module_error::InContext;
use crate::verification::key_kind::KeyKind;

/// A private key on the token.
#[derive(Clone, Copy)]
pub(super) struct PrivateKey {
    pub(super) handle: ObjectHandle,
    pub(super) authentication: Authentication,
}

/// The keys that may belong to a certificate.
pub(super) struct Candidates {
    /// The most likely one first.
    pub(super) keys: Vec<PrivateKey>,
    /// Whether a signature has shown that the only key is the right one.
    pub(super) proven: bool,
}

/// How often a key needs the PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authentication {
    /// Only for the login.
    Once,
    /// For every signature (`CKA_ALWAYS_AUTHENTICATE`, PKCS#11 3.2, section 4.9).
    Always,
}

/// The keys that may belong to the certificate, most likely first, and at least one.
///
/// Several keys may share a `CKA_ID` and have no public key to compare. Then only the check of a
/// signature shows which key is right.
pub(super) fn find_private(
    session: &Session,
    certificate: &TokenCertificate,
) -> Result<Vec<PrivateKey>, Failure> {
    let by_id = if certificate.cka_id().is_empty() {
        Vec::new()
    } else {
        private_keys(session, Attribute::Id(certificate.cka_id().to_vec()))?
    };
    let mut keys = if by_id.len() == 1 {
        by_id
    } else {
        let keys = by_public_key(session, certificate)?;
        if keys.is_empty() { by_id } else { keys }
    };
    if keys.is_empty() {
        return Err(Failure::new(
            ErrorCode::NotFound,
            format!(
                "The token has no private key for certificate {}. Choose another certificate.",
                certificate.id()
            ),
        ));
    }
    keys.truncate(MAX_KEYS);
    Ok(keys
        .into_iter()
        .map(|handle| PrivateKey { handle, authentication: authentication(session, handle) })
        .collect())
}

/// How often the key needs the PIN. If the token does not say, the login is enough.
fn authentication(session: &Session, key: ObjectHandle) -> Authentication {
    match session.get_attributes(key, &[AttributeType::AlwaysAuthenticate]).as_deref() {
        Ok([Attribute::AlwaysAuthenticate(true)]) => Authentication::Always,
        _ => Authentication::Once,
    }
}

fn by_public_key(
    session: &Session,
    certificate: &TokenCertificate,
) -> Result<Vec<ObjectHandle>, Failure> {
    let public_key = certificate.public_key()?;
    match public_key.kind() {
        // The private key object holds the modulus (PKCS#11 3.2, section 6.1.3).
        KeyKind::Rsa => {
            let Some(modulus) = public_key.modulus() else { return Ok(Vec::new()) };
            private_keys(session, Attribute::Modulus(modulus))
        }
        // The private key object does not hold the point. The public key object does, and has the
        // same CKA_ID (PKCS#11 3.2, section 6.3.3).
        KeyKind::Ec(_) | KeyKind::Ed25519 => {
            let id = id_of_public_key(session, public_key.bytes())?;
            id.map_or(Ok(Vec::new()), |id| private_keys(session, Attribute::Id(id)))
        }
        KeyKind::MlDsa(_) => Ok(Vec::new()),
    }
}

fn id_of_public_key(session: &Session, point: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let Ok(octet_string) = OctetStringRef::new(point).and_then(|octets| octets.to_der()) else {
        return Ok(None);
    };
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::EcPoint(octet_string)];
    let keys = session.find_objects(&template).context("looking for a public key")?;
    for key in keys {
        let attributes = session
            .get_attributes(key, &[AttributeType::Id])
            .context("reading the id of a public key")?;
        if let Some(Attribute::Id(id)) = attributes.into_iter().next()
            && !id.is_empty()
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

fn private_keys(session: &Session, wanted: Attribute) -> Result<Vec<ObjectHandle>, Failure> {
    let template = [Attribute::Class(ObjectClass::PRIVATE_KEY), wanted];
    session.find_objects(&template).context("looking for the private key")
}

/// How many keys the worker tries for one signature.
const MAX_KEYS: usize = 4;
