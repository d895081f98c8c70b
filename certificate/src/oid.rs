//! Object identifiers in dotted decimals (X.690, section 8.19).

use std::fmt::Write;

use crate::element::{Element, OBJECT_IDENTIFIER};

/// The text of an object identifier. `None` if the value is not one, or if an arc has more than 128
/// bits.
pub(crate) fn text(element: Element<'_>) -> Option<String> {
    let contents = element.contents();
    if element.tag() != OBJECT_IDENTIFIER || contents.last()? & MORE != 0 {
        return None;
    }
    let mut text = String::new();
    let mut arc = 0_u128;
    for byte in contents {
        arc = arc.checked_mul(0x80)? | u128::from(byte & !MORE);
        if byte & MORE != 0 {
            continue;
        }
        // Writing to a string never fails.
        let _ = if text.is_empty() {
            let first = (arc / 40).min(2);
            write!(text, "{first}.{}", arc - first * 40)
        } else {
            write!(text, ".{arc}")
        };
        arc = 0;
    }
    Some(text)
}

const MORE: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arcs_of_every_size() {
        let oid = |contents: &[u8]| {
            let element = [&[6, contents.len() as u8][..], contents].concat();
            text(Element::read(&element).unwrap())
        };
        for (contents, expected) in [
            (&b"\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01"[..], Some("1.2.840.113549.1.1.1")),
            (b"\x55\x04\x03", Some("2.5.4.3")),
            (b"\x04\x00", Some("0.4.0")),
            (b"\x88\x37\x03", Some("2.999.3")),
            // A superfluous byte.
            (b"\x55\x04\x80\x03", Some("2.5.4.3")),
            (b"", None),
            (b"\x55\x84", None),
        ] {
            assert_eq!(oid(contents).as_deref(), expected);
        }
        let uuid = [&[0x69][..], &[0x83], &[0xFF; 17], &[0x7F]].concat();
        assert_eq!(oid(&uuid).unwrap(), format!("2.25.{}", u128::MAX));
        let too_large = [&[0x69][..], &[0x87], &[0xFF; 17], &[0x7F]].concat();
        assert_eq!(oid(&too_large), None);
    }
}
