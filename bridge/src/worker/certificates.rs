//! Reads the certificates on a token, and gives them the ids by which pages name them.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use pkcs11_bridge_certificate::{self as certificate, Certificate};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::result::CertificateInfo;

use super::module_error::{InContext, Stale};
use super::objects;
use super::text::text;
use crate::certificate::fingerprint::Fingerprint;
use crate::verification::public_key::PublicKey;

/// An X.509 certificate object (PKCS#11 3.2, section 4.6.3). In its place, the public key of a key
/// that has no certificate.
pub(super) struct TokenCertificate {
    id: String,
    cka_id: Vec<u8>,
    label: String,
    /// The certificate, or the `SubjectPublicKeyInfo` of a key.
    der: Vec<u8>,
    fingerprint: Fingerprint,
    public_key: OnceLock<Result<PublicKey, Failure>>,
}

impl TokenCertificate {
    /// The public key of a key without a certificate.
    pub(super) fn of_key(public_key_info: Vec<u8>, cka_id: Vec<u8>, label: &str) -> Self {
        let fingerprint = Fingerprint::of_key(&public_key_info);
        Self {
            id: fingerprint.to_string(),
            cka_id,
            label: label.to_owned(),
            der: public_key_info,
            fingerprint,
            public_key: OnceLock::new(),
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The certificate as the page gets it.
    pub(super) fn info(&self) -> CertificateInfo {
        CertificateInfo {
            id: self.id.clone(),
            base64: self.der.clone().into(),
            label: self.label.clone(),
        }
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn cka_id(&self) -> &[u8] {
        &self.cka_id
    }

    /// The name that the dialogs show: the subject (RFC 4514). If that is empty or cannot be read,
    /// the label. For a key without a certificate, its label and what it is.
    pub(super) fn subject(&self) -> String {
        if self.fingerprint.is_of_key() {
            let name = key_name(&self.der, self.fingerprint);
            let label = Some(self.label.as_str()).filter(|label| !label.is_empty());
            return label.into_iter().chain([name.as_str()]).collect::<Vec<_>>().join(" · ");
        }
        subject(&self.der).unwrap_or_else(|| self.label.clone())
    }

    pub(super) fn public_key(&self) -> Result<&PublicKey, Failure> {
        self.public_key
            .get_or_init(|| match self.fingerprint.is_of_key() {
                true => PublicKey::of_info(&self.der, &self.id),
                false => PublicKey::of_certificate(&self.der, &self.id),
            })
            .as_ref()
            .map_err(Clone::clone)
    }
}

/// The subject of a certificate (RFC 4514); `None` if it is empty or cannot be read.
pub fn subject(der: &[u8]) -> Option<String> {
    Certificate::read(der).ok()?.subject().filter(|subject| !subject.is_empty())
}

/// The name of a key without a certificate, in terms that need no translation.
pub fn key_name(public_key_info: &[u8], fingerprint: Fingerprint) -> String {
    let key = certificate::public_key::PublicKey::of_info(public_key_info).ok();
    let kind = key.map(|key| match (key.kind.curve_name(), key.size()) {
        (Some(curve), _) => format!("{} {curve}", key.kind.name()),
        (None, Some(bits)) if key.rsa().is_some() => format!("{} {bits}", key.kind.name()),
        (None, _) => key.kind.name().to_owned(),
    });
    let digits = format!("key:{}…", fingerprint.short());
    kind.into_iter().chain([digits]).collect::<Vec<_>>().join(" · ")
}

/// A certificate in a shared list.
pub(super) struct FoundCertificate {
    all: Arc<[TokenCertificate]>,
    index: usize,
}

impl std::ops::Deref for FoundCertificate {
    type Target = TokenCertificate;

    fn deref(&self) -> &TokenCertificate {
        &self.all[self.index]
    }
}

/// Finds the certificate with this id. Upper and lower case do not differ.
pub(super) fn find(all: &Arc<[TokenCertificate]>, id: &str) -> Option<FoundCertificate> {
    let index = all.iter().position(|certificate| certificate.id.eq_ignore_ascii_case(id))?;
    Some(FoundCertificate { all: Arc::clone(all), index })
}

/// Finds the certificate with this fingerprint.
pub(super) fn find_by_fingerprint(
    all: &Arc<[TokenCertificate]>,
    fingerprint: Fingerprint,
) -> Option<FoundCertificate> {
    let index = all.iter().position(|certificate| certificate.fingerprint == fingerprint)?;
    Some(FoundCertificate { all: Arc::clone(all), index })
}

/// The certificate objects of the token.
pub(super) fn handles(session: &Session) -> Result<Vec<ObjectHandle>, Failure> {
    let template = [Attribute::Class(ObjectClass::CERTIFICATE)];
    objects::find(session, &template, "looking for certificates")
}

/// The certificates that could be read.
pub(super) struct ReadCertificates {
    pub(super) all: Vec<TokenCertificate>,
    /// Whether none was left out because it cannot be read.
    pub(super) is_complete: bool,
}

/// Reads the X.509 certificates. Leaves out a certificate that cannot be read.
pub(super) fn read(
    session: &Session,
    objects: &[ObjectHandle],
) -> Result<ReadCertificates, Failure> {
    let mut certificates = Vec::with_capacity(objects.len());
    let mut is_complete = true;
    for object in objects {
        match read_one(session, *object) {
            Ok(certificate) => certificates.extend(certificate),
            // This error concerns the token, not one certificate.
            Err(failure) if Stale::of(&failure) == Some(Stale::Token) => return Err(failure),
            Err(failure) => {
                is_complete = false;
                tracing::warn!(%failure, "left out a certificate that cannot be read");
            }
        }
    }
    replace_ambiguous_ids(&mut certificates);
    Ok(ReadCertificates { all: certificates, is_complete })
}

/// Reads one certificate; `None` if the object is not an X.509 certificate or has no value.
fn read_one(session: &Session, object: ObjectHandle) -> Result<Option<TokenCertificate>, Failure> {
    let wanted = [
        AttributeType::CertificateType,
        AttributeType::Value,
        AttributeType::Id,
        AttributeType::Label,
    ];
    let attributes = session.get_attributes(object, &wanted).context("reading a certificate")?;
    let (mut value, mut cka_id, mut label) = (Vec::new(), Vec::new(), Vec::new());
    for attribute in attributes {
        match attribute {
            Attribute::CertificateType(kind) if kind != CertificateType::X_509 => return Ok(None),
            Attribute::Value(bytes) => value = bytes,
            Attribute::Id(value) => cka_id = value,
            Attribute::Label(value) => label = value,
            _ => {}
        }
    }
    let der = certificate::of_token(&value).into_owned();
    if der.len() > MAX_LEN {
        let message =
            format!("The certificate has {} bytes, and the limit is {MAX_LEN}.", der.len());
        return Err(Failure::new(ErrorCode::Internal, message));
    }
    Ok((!der.is_empty()).then(|| TokenCertificate {
        id: const_hex::encode(&cka_id),
        cka_id,
        label: text(&label),
        fingerprint: Fingerprint::of(&der),
        der,
        public_key: OnceLock::new(),
    }))
}

/// Replaces an id that is empty or not unique with the certificate's fingerprint. Of equal
/// certificates with one id, the first stays: a module may list an object twice.
fn replace_ambiguous_ids(certificates: &mut Vec<TokenCertificate>) {
    let mut count = HashMap::<String, usize>::new();
    for certificate in certificates.iter() {
        *count.entry(certificate.id.clone()).or_default() += 1;
    }
    for certificate in certificates.iter_mut() {
        if certificate.id.is_empty() || count.get(&certificate.id).is_some_and(|count| *count > 1) {
            certificate.id = certificate.fingerprint.to_string();
        }
    }
    let mut ids = HashSet::new();
    certificates.retain(|certificate| ids.insert(certificate.id.clone()));
}

/// Far more than any real certificate has. Longer ones could exceed the limit of the pipe, and the
/// page would get no certificate at all.
const MAX_LEN: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_replaces_an_id_that_is_empty_or_not_unique() {
        let certificate = |cka_id: &[u8], der: &[u8]| TokenCertificate {
            id: const_hex::encode(cka_id),
            cka_id: cka_id.to_vec(),
            label: String::new(),
            der: der.to_vec(),
            fingerprint: Fingerprint::of(der),
            public_key: OnceLock::new(),
        };
        let mut all = vec![
            certificate(&[0xAB], b"a"),
            certificate(&[1], b"b"),
            certificate(&[1], b"c"),
            certificate(&[], b"abc"),
            certificate(&[1], b"b"),
        ];
        replace_ambiguous_ids(&mut all);
        assert_eq!(all.len(), 4, "one object was listed twice");
        assert_eq!(all[0].id, "ab");
        assert!(all[1].id.starts_with("sha256:") && all[2].id.starts_with("sha256:"));
        assert_ne!(all[1].id, all[2].id);
        assert_eq!(
            all[3].id,
            "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
