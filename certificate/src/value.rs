//! The certificate in the value of a certificate object (`CKA_VALUE`, PKCS#11 3.2, section 4.6.3).

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::element::Element;

/// The certificate in a token's value, without bytes that follow it. The value may be PEM (RFC
/// 7468). If it does not begin with a certificate, it is returned unchanged.
///
/// A faulty module may claim a longer value than it wrote. The bytes after the certificate are then
/// memory of this process, which a page must not see.
pub fn of_token(value: &[u8]) -> Cow<'_, [u8]> {
    if let Some(element) = Element::read(value).filter(is_sequence) {
        return element.whole().into();
    }
    match of_pem(value) {
        Some(mut decoded) => {
            let len = Element::read(&decoded).filter(is_sequence).map(|whole| whole.whole().len());
            decoded.truncate(len.unwrap_or(decoded.len()));
            decoded.into()
        }
        None => value.into(),
    }
}

fn is_sequence(element: &Element<'_>) -> bool {
    element.tag() == crate::element::SEQUENCE
}

/// The first certificate in a text of PEM. OpenSSL and others use more labels than the RFC has.
fn of_pem(text: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(text);
    let (_, text) = text.split_once("-----BEGIN ")?;
    let (label, text) = text.split_once("-----")?;
    let (digits, _) = text.split_once("-----END ")?;
    if !label.ends_with("CERTIFICATE") {
        return None;
    }
    let digits: String = digits.split_whitespace().collect();
    STANDARD.decode(digits).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_after_the_certificate_do_not_count() {
        for value in [&[0x30, 1, 7][..], &[0x30, 1, 7, 0, 0], &[0x30, 1, 7, 0x30, 1, 8]] {
            assert_eq!(&*of_token(value), [0x30, 1, 7]);
        }
        assert_eq!(&*of_token(&[0x30, 0x80, 2, 1, 7, 0, 0, 9]), [0x30, 0x80, 2, 1, 7, 0, 0]);
    }

    #[test]
    fn a_value_without_a_certificate_stays_the_same() {
        for value in [&b""[..], b"\x30", b"\x30\x05\x07", b"\x30\x80\x07", b"\x04\x01\x07\x00"] {
            assert_eq!(&*of_token(value), value);
        }
        for text in [
            "-----BEGIN CERTIFICATE-----\nMAEH",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----",
            "-----BEGIN PRIVATE KEY-----\nMAEH\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(&*of_token(text.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn pem_is_decoded() {
        let pem = "-----BEGIN CERTIFICATE-----\r\nMA\r\nEH\r\n-----END CERTIFICATE-----\r\n";
        assert_eq!(&*of_token(pem.as_bytes()), [0x30, 1, 7]);
        let bag = format!("subject=CN=Zoë\n{pem}-----BEGIN CERTIFICATE-----\n");
        assert_eq!(&*of_token(bag.as_bytes()), [0x30, 1, 7]);
        let trusted = pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE").replace("EH", "EHAAA=");
        assert_eq!(&*of_token(trusted.as_bytes()), [0x30, 1, 7]);
    }
}
