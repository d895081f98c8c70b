//! Distinguished names as text (RFC 4514).
//!
//! x509-cert can write them too. But its table of all object identifiers is half as large as this
//! client, and it writes names in BMPString as hexadecimal digits.

use std::fmt::Write;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::BmpString;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{self, Encode, Tag, Tagged};
use x509_cert::name::Name;

/// The name, with its last part first (section 2.1).
pub(super) fn text(name: &Name) -> der::Result<String> {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (i, part) in parts.iter().rev().enumerate() {
        for (j, attribute) in part.iter().enumerate() {
            match (i, j) {
                (0, 0) => {}
                (_, 0) => text.push(','),
                _ => text.push('+'),
            }
            write_attribute(&mut text, attribute)?;
        }
    }
    Ok(text)
}

/// Writes `CN=value`. If the type has no short name, or the value is not a string, writes the
/// hexadecimal digits of its DER (section 2.4).
fn write_attribute(text: &mut String, attribute: &AttributeTypeAndValue) -> der::Result<()> {
    let AttributeTypeAndValue { oid, value } = attribute;
    let name = NAMES.iter().find(|(known, _)| known == oid).map(|(_, name)| *name);
    match (name, string(value)) {
        (Some(name), Some(value)) => {
            text.push_str(name);
            text.push('=');
            write_value(text, &value);
        }
        _ => {
            text.push_str(&oid.to_string());
            text.push_str("=#");
            text.push_str(&const_hex::encode(value.to_der()?));
        }
    }
    Ok(())
}

fn string(value: &der::Any) -> Option<String> {
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString => {
            String::from_utf8(value.value().to_vec()).ok()
        }
        // The standard says T.61, but real certificates have Latin-1.
        Tag::TeletexString => Some(value.value().iter().copied().map(char::from).collect()),
        Tag::BmpString => BmpString::from_ucs2(value.value()).ok().map(|text| text.to_string()),
        _ => None,
    }
}

/// Escapes the characters of RFC 4514, section 2.4.
fn write_value(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (i, c) in value.chars().enumerate() {
        match c {
            '#' if i == 0 => text.push_str("\\#"),
            ' ' if i == 0 || i == last => text.push_str("\\ "),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => {
                text.push('\\');
                text.push(c);
            }
            c if c.is_ascii_control() => {
                // Writing to a string never fails.
                let _ = write!(text, "\\{:02x}", u32::from(c));
            }
            c => text.push(c),
        }
    }
}

/// The short names of RFC 4514, section 3, and of other attributes in certificates of persons
/// (RFC 4519; RFC 2985, 5.2.1; ETSI EN 319 412-1, 5.1.4).
const NAMES: [(ObjectIdentifier, &str); 17] = [
    (ObjectIdentifier::new_unwrap("2.5.4.3"), "CN"),
    (ObjectIdentifier::new_unwrap("2.5.4.7"), "L"),
    (ObjectIdentifier::new_unwrap("2.5.4.8"), "ST"),
    (ObjectIdentifier::new_unwrap("2.5.4.10"), "O"),
    (ObjectIdentifier::new_unwrap("2.5.4.11"), "OU"),
    (ObjectIdentifier::new_unwrap("2.5.4.6"), "C"),
    (ObjectIdentifier::new_unwrap("2.5.4.9"), "STREET"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.25"), "DC"),
    (ObjectIdentifier::new_unwrap("0.9.2342.19200300.100.1.1"), "UID"),
    (ObjectIdentifier::new_unwrap("2.5.4.4"), "SN"),
    (ObjectIdentifier::new_unwrap("2.5.4.42"), "GN"),
    (ObjectIdentifier::new_unwrap("2.5.4.5"), "serialNumber"),
    (ObjectIdentifier::new_unwrap("2.5.4.12"), "title"),
    (ObjectIdentifier::new_unwrap("2.5.4.17"), "postalCode"),
    (ObjectIdentifier::new_unwrap("2.5.4.65"), "pseudonym"),
    (ObjectIdentifier::new_unwrap("2.5.4.97"), "organizationIdentifier"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.1"), "emailAddress"),
];
