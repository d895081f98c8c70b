//! The extensions that say what a key is for (RFC 5280, section 4.2).

use crate::element::{CONSTRUCTED, Element, SEQUENCE};
use crate::oid;

/// An extension that restricts the use of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usages<T> {
    /// The certificate does not have the extension.
    Unrestricted,
    /// The certificate has the extension, but it cannot be read.
    Unreadable,
    /// What the extension allows.
    Restricted(T),
}

impl<T> Usages<T> {
    /// What the extension allows, if it is there and can be read.
    pub fn restricted(self) -> Option<T> {
        match self {
            Self::Restricted(usages) => Some(usages),
            Self::Unrestricted | Self::Unreadable => None,
        }
    }

    fn of(extension: Option<Element<'_>>, read: impl FnOnce(Element<'_>) -> Option<T>) -> Self {
        match extension {
            None => Self::Unrestricted,
            Some(extension) => read(extension).map_or(Self::Unreadable, Self::Restricted),
        }
    }
}

/// The bits of a key usage (section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// `digitalSignature`
    pub const DIGITAL_SIGNATURE: Self = Self(1 << 15);
    /// `nonRepudiation`, also called `contentCommitment`
    pub const NON_REPUDIATION: Self = Self(1 << 14);
    /// `keyEncipherment`
    pub const KEY_ENCIPHERMENT: Self = Self(1 << 13);
    /// `keyAgreement`
    pub const KEY_AGREEMENT: Self = Self(1 << 11);
    /// `keyCertSign`
    pub const KEY_CERT_SIGN: Self = Self(1 << 10);

    /// A usage with the bits of all of these.
    pub fn of(bits: &[Self]) -> Self {
        Self(bits.iter().fold(0, |all, bits| all | bits.0))
    }

    /// Whether all of these bits are set.
    pub fn contains(self, bits: Self) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// The names of the bits that are set.
    pub fn names(self) -> Vec<&'static str> {
        let bits = (0..16).rev().map(|bit| 1 << bit);
        let set = bits.zip(KEY_USAGES).filter(|(bit, _)| self.0 & bit != 0);
        set.map(|(_, name)| name).collect()
    }
}

/// The name of an extended key usage in section 4.2.1.12 or RFC 9336; `None` for others.
pub fn extended_key_usage_name(oid: &str) -> Option<&'static str> {
    let known = EXTENDED_KEY_USAGES.iter().find(|(known, _)| *known == oid);
    known.map(|(_, name)| *name)
}

/// The extensions of a certificate. If one occurs more than once, the first counts.
pub(crate) struct Extensions<'a>(Option<Element<'a>>);

impl<'a> Extensions<'a> {
    /// `extensions` is the field with its tag (section 4.1).
    pub(crate) fn new(extensions: Option<Element<'a>>) -> Self {
        Self(extensions.and_then(|explicit| explicit.elements().next()))
    }

    pub(crate) fn key_usage(&self) -> Usages<KeyUsage> {
        Usages::of(self.find(KEY_USAGE), key_usage)
    }

    pub(crate) fn extended_key_usage(&self) -> Usages<Vec<String>> {
        Usages::of(self.find(EXTENDED_KEY_USAGE), extended_key_usage)
    }

    /// The extension with this OID. Whether it is critical does not matter here.
    fn find(&self, id: &str) -> Option<Element<'a>> {
        let mut extensions = self.0?.elements();
        extensions.find(|extension| {
            let first = extension.elements().next();
            first.and_then(oid::text).is_some_and(|text| text == id)
        })
    }
}

fn key_usage(extension: Element<'_>) -> Option<KeyUsage> {
    let value = value(extension)?;
    let bits = Element::read(&value)?.bits()?;
    let [first, second] = [0, 1].map(|at| bits.bytes.get(at).copied().unwrap_or_default());
    Some(KeyUsage(u16::from_be_bytes([first, second])))
}

fn extended_key_usage(extension: Element<'_>) -> Option<Vec<String>> {
    let value = value(extension)?;
    let usages = Element::read(&value).filter(|usages| usages.tag() == SEQUENCE)?;
    Some(usages.elements().filter_map(oid::text).collect())
}

/// The octets of an extension's value.
fn value<'a>(extension: Element<'a>) -> Option<std::borrow::Cow<'a, [u8]>> {
    let last = extension.elements().last()?;
    (last.tag() & !CONSTRUCTED == OCTET_STRING).then(|| last.octets())?
}

const OCTET_STRING: u8 = 0x04;
const KEY_USAGE: &str = "2.5.29.15";
const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// In the order of their bits, the first bit first.
const KEY_USAGES: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

const EXTENDED_KEY_USAGES: [(&str, &str); 8] = [
    ("2.5.29.37.0", "anyExtendedKeyUsage"),
    ("1.3.6.1.5.5.7.3.1", "serverAuth"),
    ("1.3.6.1.5.5.7.3.2", "clientAuth"),
    ("1.3.6.1.5.5.7.3.3", "codeSigning"),
    ("1.3.6.1.5.5.7.3.4", "emailProtection"),
    ("1.3.6.1.5.5.7.3.8", "timeStamping"),
    ("1.3.6.1.5.5.7.3.9", "OCSPSigning"),
    ("1.3.6.1.5.5.7.3.36", "documentSigning"),
];
