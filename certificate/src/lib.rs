//! Reads X.509 certificates (RFC 5280) as tokens hold them: also if they break rules of DER or of
//! the standard. A field that cannot be read leaves all others in place.
//!
//! It only describes a certificate: checks no signature, no chain and no date. It does no I/O, and
//! builds natively and for WebAssembly, so that dialogs and pages show the same text.

#![forbid(unsafe_code)]

mod element;
mod extensions;
mod name;
mod oid;
pub mod public_key;
mod time;
mod value;

use element::{CONTEXT_0, CONTEXT_3, Element, SEQUENCE};
use extensions::Extensions;
pub use extensions::{KeyUsage, Usages, extended_key_usage_name};
use public_key::{PublicKey, UnreadableKey};
pub use value::of_token;

/// A certificate (RFC 5280, section 4.1). Each function reads its field; `None` says that the field
/// cannot be read.
pub struct Certificate<'a> {
    serial_number: Element<'a>,
    issuer: Element<'a>,
    validity: Element<'a>,
    subject: Element<'a>,
    public_key: Element<'a>,
    extensions: Extensions<'a>,
}

/// The bytes are not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an X.509 certificate, because {0}")]
pub struct NotACertificate(&'static str);

impl<'a> Certificate<'a> {
    /// Reads a certificate in DER or BER. Ignores bytes after it.
    pub fn read(bytes: &'a [u8]) -> Result<Self, NotACertificate> {
        let whole = Element::read(bytes).filter(|whole| whole.tag() == SEQUENCE);
        let whole = whole.ok_or(NotACertificate("the bytes are not a whole ASN.1 sequence"))?;
        let content = whole.elements().next().filter(|content| content.tag() == SEQUENCE);
        let content = content.ok_or(NotACertificate("it has no content"))?;
        let mut fields = content.elements();
        // Version 1 has no version field (section 4.1.2.1).
        let version = fields.clone().next().filter(|first| first.tag() == CONTEXT_0);
        if version.is_some() {
            fields.next();
        }
        let mut field = |missing| fields.next().ok_or(NotACertificate(missing));
        let serial_number = field("its serial number is missing")?;
        let _signature_algorithm = field("its signature algorithm is missing")?;
        let issuer = field("its issuer is missing")?;
        let validity = field("its validity is missing")?;
        let subject = field("its subject is missing")?;
        let public_key = field("its public key is missing")?;
        let extensions = fields.find(|field| field.tag() == CONTEXT_3);
        let extensions = Extensions::new(extensions);
        Ok(Self { serial_number, issuer, validity, subject, public_key, extensions })
    }

    /// The serial number in lower-case hexadecimal digits, without leading zero bytes.
    pub fn serial_number(&self) -> Option<String> {
        self.serial_number.magnitude().map(const_hex::encode)
    }

    /// The issuer's name (RFC 4514).
    pub fn issuer(&self) -> Option<String> {
        name::text(self.issuer)
    }

    /// The subject's name (RFC 4514).
    pub fn subject(&self) -> Option<String> {
        name::text(self.subject)
    }

    /// The start of the validity: ISO 8601, UTC.
    pub fn not_before(&self) -> Option<String> {
        time::text(self.validity.elements().next()?)
    }

    /// The end of the validity: ISO 8601, UTC.
    pub fn not_after(&self) -> Option<String> {
        time::text(self.validity.elements().nth(1)?)
    }

    /// The public key.
    pub fn public_key(&self) -> Result<PublicKey<'a>, UnreadableKey> {
        PublicKey::read(self.public_key)
    }

    /// What the key may do (section 4.2.1.3).
    pub fn key_usage(&self) -> Usages<KeyUsage> {
        self.extensions.key_usage()
    }

    /// What the key is for (section 4.2.1.12): OIDs in dotted decimals.
    pub fn extended_key_usage(&self) -> Usages<Vec<String>> {
        self.extensions.extended_key_usage()
    }
}
