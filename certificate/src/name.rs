//! Distinguished names as text (RFC 4514).

use std::fmt::Write;
use std::str;

use crate::element::{CONSTRUCTED, Element, SEQUENCE};
use crate::oid;

/// The name, with its last part first (section 2.1). Leaves out attributes that cannot be read.
/// `None` if the value is not a name.
pub(crate) fn text(name: Element<'_>) -> Option<String> {
    if name.tag() != SEQUENCE {
        return None;
    }
    let parts: Vec<_> = name.elements().collect();
    let mut text = String::new();
    for part in parts.iter().rev() {
        let mut separator = if text.is_empty() { "" } else { "," };
        for attribute in part.elements() {
            let mut fields = attribute.elements();
            let Some(id) = fields.next().and_then(oid::text) else { continue };
            let Some(value) = fields.next() else { continue };
            text.push_str(separator);
            write_attribute(&mut text, &id, value);
            separator = "+";
        }
    }
    Some(text)
}

/// Writes `CN=value`. If the type has no short name, or the value is not a string, writes the
/// hexadecimal digits of its encoding (section 2.4).
fn write_attribute(text: &mut String, id: &str, value: Element<'_>) {
    let name = NAMES.iter().find(|(known, _)| *known == id).map(|(_, name)| *name);
    match (name, string(value)) {
        (Some(name), Some(value)) => {
            text.push_str(name);
            text.push('=');
            write_value(text, &value);
        }
        _ => {
            text.push_str(name.unwrap_or(id));
            text.push_str("=#");
            text.push_str(&const_hex::encode(value.whole()));
        }
    }
}

/// The text of a string of any type (X.680, section 41).
fn string(value: Element<'_>) -> Option<String> {
    let octets = value.octets()?;
    match value.tag() & !CONSTRUCTED {
        UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING
        | GENERAL_STRING => {
            Some(str::from_utf8(&octets).map_or_else(|_| latin_1(&octets), str::to_owned))
        }
        // The standard says T.61, but real certificates have Latin-1.
        TELETEX_STRING => Some(latin_1(&octets)),
        BMP_STRING => {
            let (units, rest) = octets.as_chunks();
            let units = units.iter().map(|unit| u16::from_be_bytes(*unit));
            char::decode_utf16(units).collect::<Result<_, _>>().ok().filter(|_| rest.is_empty())
        }
        UNIVERSAL_STRING => {
            let (chars, rest) = octets.as_chunks();
            let chars = chars.iter().map(|c| char::from_u32(u32::from_be_bytes(*c)));
            chars.collect::<Option<_>>().filter(|_| rest.is_empty())
        }
        _ => None,
    }
}

fn latin_1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
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

const UTF8_STRING: u8 = 0x0C;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1A;
const GENERAL_STRING: u8 = 0x1B;
const UNIVERSAL_STRING: u8 = 0x1C;
const BMP_STRING: u8 = 0x1E;

/// The short names of RFC 4514, section 3, and of other attributes in certificates of persons
/// (RFC 4519; RFC 2985, 5.2.1; ETSI EN 319 412-1, 5.1.4).
const NAMES: [(&str, &str); 17] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("2.5.4.4", "SN"),
    ("2.5.4.42", "GN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.12", "title"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.97", "organizationIdentifier"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(tag: u8, contents: &[u8]) -> Vec<u8> {
        [&[tag, contents.len() as u8], contents].concat()
    }

    fn attribute(id: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
        sequence(SEQUENCE, &[sequence(6, id), sequence(tag, value)].concat())
    }

    fn name(attributes: &[&[u8]]) -> Option<String> {
        let parts: Vec<_> = attributes.iter().map(|part| sequence(0x31, part)).collect();
        text(Element::read(&sequence(SEQUENCE, &parts.concat())).unwrap())
    }

    const CN: &[u8] = b"\x55\x04\x03";

    #[test]
    fn strings_of_every_type() {
        for (tag, value, expected) in [
            (UTF8_STRING, "Zoë".as_bytes(), "Zoë"),
            // Not UTF-8, though the type says so.
            (UTF8_STRING, b"Zo\xEB", "Zoë"),
            (PRINTABLE_STRING, b"Zo\xEB", "Zoë"),
            (TELETEX_STRING, b"Zo\xEB", "Zoë"),
            (VISIBLE_STRING, b"Zoe", "Zoe"),
            (GENERAL_STRING, b"Zoe", "Zoe"),
            (BMP_STRING, b"\0Z\0o\0\xEB", "Zoë"),
            (BMP_STRING, b"\xD8\x3D\xDE\x00", "😀"),
            (UNIVERSAL_STRING, b"\0\0\0Z\0\0\0o\0\x01\xF6\0", "Zo😀"),
            // In parts, as BER allows.
            (UTF8_STRING | CONSTRUCTED, b"\x0C\x02Zo\x0C\x02\xC3\xAB", "Zoë"),
            // Not strings.
            (BMP_STRING, b"\0Z\0", "#1e03005a00"),
            (BMP_STRING, b"\xD8\x00", "#1e02d800"),
            (UNIVERSAL_STRING, b"\0\x11\0\0", "#1c0400110000"),
            (0x02, b"\x01", "#020101"),
        ] {
            let text = name(&[&attribute(CN, tag, value)]).unwrap();
            assert_eq!(text, format!("CN={expected}"));
        }
    }

    #[test]
    fn attributes_that_cannot_be_read_are_left_out() {
        let good = attribute(CN, UTF8_STRING, b"a");
        let two = [good.clone(), attribute(CN, UTF8_STRING, b"b")].concat();
        assert_eq!(name(&[&good, &two]).unwrap(), "CN=a+CN=b,CN=a");
        let no_value = sequence(SEQUENCE, &sequence(6, CN));
        for bad in [&b""[..], b"\x05\x00", &sequence(SEQUENCE, b""), &no_value] {
            assert_eq!(name(&[&good, bad, &two]).unwrap(), "CN=a+CN=b,CN=a");
            assert_eq!(name(&[bad, &good]).unwrap(), "CN=a");
        }
        assert_eq!(name(&[]).unwrap(), "");
        assert_eq!(text(Element::read(&[5, 0]).unwrap()), None);
    }
}
