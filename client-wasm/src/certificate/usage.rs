//! The usages of a key, by the names of RFC 5280.

use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};

/// The names of the bits that are set.
pub(super) fn names(usage: KeyUsage) -> Vec<&'static str> {
    USAGES.iter().filter(|(bit, _)| usage.0.contains(*bit)).map(|(_, name)| *name).collect()
}

/// The names of the purposes, or their OIDs in dotted decimals.
pub(super) fn purposes(usage: &ExtendedKeyUsage) -> Vec<String> {
    let name = |oid: &ObjectIdentifier| {
        PURPOSES
            .iter()
            .find(|(known, _)| known == oid)
            .map_or_else(|| oid.to_string(), |(_, name)| (*name).to_owned())
    };
    usage.0.iter().map(name).collect()
}

/// RFC 5280, section 4.2.1.3
const USAGES: [(KeyUsages, &str); 9] = [
    (KeyUsages::DigitalSignature, "digitalSignature"),
    (KeyUsages::NonRepudiation, "nonRepudiation"),
    (KeyUsages::KeyEncipherment, "keyEncipherment"),
    (KeyUsages::DataEncipherment, "dataEncipherment"),
    (KeyUsages::KeyAgreement, "keyAgreement"),
    (KeyUsages::KeyCertSign, "keyCertSign"),
    (KeyUsages::CRLSign, "cRLSign"),
    (KeyUsages::EncipherOnly, "encipherOnly"),
    (KeyUsages::DecipherOnly, "decipherOnly"),
];

/// RFC 5280, section 4.2.1.12, and document signing of RFC 9336
const PURPOSES: [(ObjectIdentifier, &str); 8] = [
    (ObjectIdentifier::new_unwrap("2.5.29.37.0"), "anyExtendedKeyUsage"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.1"), "serverAuth"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2"), "clientAuth"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.3"), "codeSigning"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.4"), "emailProtection"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8"), "timeStamping"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9"), "OCSPSigning"),
    (ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.36"), "documentSigning"),
];
