//! Finds the private key of a certificate: by the certificate's `CKA_ID`, then by its public key.

use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::Encode;
use der::asn1::OctetStringRef;
use pkcs11_bridge_protocol::failure::{Failure, Row};

use super::certificates::TokenCertificate;
use super::failures::InContext;
use super::verifier::KeyKind;

pub(super) fn find_private(
    session: &Session,
    certificate: &TokenCertificate,
) -> Result<ObjectHandle, Failure> {
    let by_id = if certificate.cka_id().is_empty() {
        Vec::new()
    } else {
        private_keys(session, Attribute::Id(certificate.cka_id().to_vec()))?
    };
    if let [key] = by_id[..] {
        return Ok(key);
    }
    by_public_key(session, certificate)?.or_else(|| by_id.first().copied()).ok_or_else(|| {
        Failure::new(
            Row::NotFound,
            format!(
                "The token has no private key for certificate {}. Choose another certificate.",
                certificate.id()
            ),
        )
    })
}

fn by_public_key(
    session: &Session,
    certificate: &TokenCertificate,
) -> Result<Option<ObjectHandle>, Failure> {
    let public_key = certificate.public_key()?;
    match public_key.kind() {
        // A private RSA key has its modulus (PKCS#11 3.2, section 6.1.3).
        KeyKind::Rsa => {
            let Some(modulus) = public_key.modulus() else { return Ok(None) };
            Ok(private_keys(session, Attribute::Modulus(modulus))?.first().copied())
        }
        // A private EC key has no point, but the public key beside it has, and the same CKA_ID
        // (PKCS#11 3.2, section 6.3.3).
        KeyKind::Ec(_) | KeyKind::Ed25519 => {
            let Some(id) = id_of_point(session, public_key.bytes())? else { return Ok(None) };
            Ok(private_keys(session, Attribute::Id(id))?.first().copied())
        }
        KeyKind::MlDsa(_) => Ok(None),
    }
}

fn id_of_point(session: &Session, point: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
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
