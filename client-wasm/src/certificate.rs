//! Parses the certificates in the result of `certificates`, if the page asks for it. Only describes
//! them: checks no signature, no chain and no date.

mod key;
mod name;
mod usage;

use std::borrow::Cow;

use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasm_bindgen::JsValue;
use x509_cert::certificate::{CertificateInner, Raw};
use x509_cert::der::{self, Decode};
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage};

use crate::object::{field, set};
use crate::value::Value;
use key::Key;

/// The content of a certificate (RFC 5280, section 4.1).
#[derive(Serialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct Content {
    /// RFC 4514
    subject: String,
    /// RFC 4514
    issuer: String,
    /// Lower-case hex
    serial_number: String,
    /// ISO 8601, UTC
    not_before: String,
    /// ISO 8601, UTC
    not_after: String,
    /// "RSA", "EC", "Ed25519", or an OID in dotted decimals
    key_type: Cow<'static, str>,
    /// In bits; `null` if it is not known
    key_size: Option<u32>,
    /// "P-256" and so on, or an OID; `null` for keys without a curve
    curve: Option<Cow<'static, str>>,
    /// The names of RFC 5280, section 4.2.1.3
    key_usage: Vec<&'static str>,
    /// The names of RFC 5280, section 4.2.1.12, or OIDs
    extended_key_usage: Vec<String>,
    /// Lower-case hex of the SHA-256 of the DER
    fingerprint_sha256: String,
}

/// Adds the content of the certificate to an element of the result of `certificates`, as `parsed`.
/// If the certificate cannot be parsed, `parsed` is `null`, and `parse_error` says why.
pub(crate) fn describe(certificate: &JsValue) -> Option<()> {
    let Base64Bytes(der) = Base64Bytes::deserialize(Value(field(certificate, "base64"))).ok()?;
    let serializer = serde_wasm_bindgen::Serializer::new().serialize_missing_as_null(true);
    let parsed = match parse(&der) {
        Ok(content) => content.serialize(&serializer).ok()?,
        Err(error) => {
            set(certificate, "parse_error", &JsValue::from(error));
            JsValue::NULL
        }
    };
    set(certificate, "parsed", &parsed);
    Some(())
}

/// Parses a certificate in DER. The error says why the bytes are not one.
pub fn parse(der: &[u8]) -> Result<Content, String> {
    content(der).map_err(|error| format!("This is not an X.509 certificate in DER: {error}."))
}

fn content(der: &[u8]) -> der::Result<Content> {
    // `Raw` also takes serial numbers that are longer than RFC 5280 allows. Cards have them.
    let certificate = CertificateInner::<Raw>::from_der(der)?;
    let tbs = certificate.tbs_certificate();
    let Key { key_type, key_size, curve } = Key::of(tbs.subject_public_key_info());
    let key_usage = tbs.get_extension::<KeyUsage>()?;
    let extended_key_usage = tbs.get_extension::<ExtendedKeyUsage>()?;
    Ok(Content {
        subject: name::text(tbs.subject())?,
        issuer: name::text(tbs.issuer())?,
        serial_number: const_hex::encode(magnitude(tbs.serial_number().as_bytes())),
        not_before: tbs.validity().not_before.to_string(),
        not_after: tbs.validity().not_after.to_string(),
        key_type,
        key_size,
        curve,
        key_usage: key_usage.map(|(_, usage)| usage::names(usage)).unwrap_or_default(),
        extended_key_usage: extended_key_usage
            .map(|(_, usage)| usage::purposes(&usage))
            .unwrap_or_default(),
        fingerprint_sha256: const_hex::encode(Sha256::digest(der)),
    })
}

/// The bytes of a positive integer, without the leading zero byte that marks it as positive.
fn magnitude(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0, rest @ ..] if !rest.is_empty() => rest,
        bytes => bytes,
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::{wasm_bindgen_test as test, wasm_bindgen_test_configure};

    use super::*;

    #[cfg(target_arch = "wasm32")]
    wasm_bindgen_test_configure!(run_in_browser);

    /// `openssl x509 -nameopt RFC2253,-esc_msb,utf8` prints the same.
    #[test]
    fn an_rsa_certificate_of_a_person() {
        let subject = "organizationIdentifier=NTRGB-12345678,emailAddress=ada@example.org,\
            CN=Ada Lovelace,serialNumber=PNOGB-18151210,SN=Lovelace,GN=Ada,OU=Förderung,\
            O=Ada & Sons\\, Engines \\<London\\>,C=GB";
        let expected = Content {
            subject: subject.to_owned(),
            issuer: subject.to_owned(),
            serial_number: "f0e1d2c3b4a5968778695a4b3c2d1e0f".to_owned(),
            not_before: "2026-11-23T15:54:36Z".to_owned(),
            not_after: "2051-11-23T15:54:36Z".to_owned(),
            key_type: "RSA".into(),
            key_size: Some(2048),
            curve: None,
            key_usage: vec!["digitalSignature", "nonRepudiation"],
            extended_key_usage: [
                "clientAuth",
                "emailProtection",
                "documentSigning",
                "1.3.6.1.4.1.311.20.2.2",
            ]
            .map(str::to_owned)
            .to_vec(),
            fingerprint_sha256: "daf141c11d600834cff74625dc3bbeada6b877fc334ebe36298ed33dc9d82cb4"
                .to_owned(),
        };
        assert_eq!(parse(include_bytes!("../tests/certificates/rsa-2048.der")).unwrap(), expected);
    }

    #[test]
    fn keys_on_curves() {
        for (der, curve, bits) in [
            (include_bytes!("../tests/certificates/ec-p521.der").as_slice(), "P-521", Some(521)),
            (include_bytes!("../tests/certificates/ec-secp256k1.der"), "secp256k1", Some(256)),
            (include_bytes!("../tests/certificates/ec-sect233k1.der"), "1.3.132.0.26", None),
        ] {
            let content = parse(der).unwrap();
            assert_eq!(content.key_type, "EC");
            assert_eq!(content.curve.as_deref(), Some(curve));
            assert_eq!(content.key_size, bits);
        }
        let content = parse(include_bytes!("../tests/certificates/ed25519.der")).unwrap();
        assert_eq!(content.key_type, "Ed25519");
        assert_eq!((content.curve, content.key_size), (None, Some(256)));
    }

    #[test]
    fn old_string_types_and_unknown_attributes_in_names() {
        let bmp = parse(include_bytes!("../tests/certificates/ec-p521.der")).unwrap();
        let unknown = "1.3.6.1.4.1.55555.1=#1e0c007300650063006f006e0064";
        let subject = format!("CN=\\#hash\\; a=b,OU=first+{unknown},O=Société 日本,C=FR");
        assert_eq!(bmp.subject, subject);
        let t61 = parse(include_bytes!("../tests/certificates/ec-secp256k1.der")).unwrap();
        assert_eq!(t61.subject, "CN=Zoë,OU=first,O=Société,C=FR");
        let spaces = parse(include_bytes!("../tests/certificates/ed25519.der")).unwrap();
        assert_eq!(spaces.subject, "CN=\\ spaces\\ ");
    }

    #[test]
    fn serial_numbers_of_every_kind() {
        let zero = parse(include_bytes!("../tests/certificates/ec-p521.der")).unwrap();
        assert_eq!(zero.serial_number, "00");
        let high_bit = parse(include_bytes!("../tests/certificates/ec-secp256k1.der")).unwrap();
        assert_eq!(high_bit.serial_number, "80");
        let too_long = parse(include_bytes!("../tests/certificates/ed25519.der")).unwrap();
        assert_eq!(too_long.serial_number, "0102030405060708090a0b0c0d0e0f101112131415161718");
    }

    #[test]
    fn a_certificate_without_usages_has_no_usage_names() {
        let content = parse(include_bytes!("../tests/certificates/ec-secp256k1.der")).unwrap();
        assert!(content.key_usage.is_empty() && content.extended_key_usage.is_empty());
    }

    #[test]
    fn the_error_says_why_it_is_not_a_certificate() {
        let whole = include_bytes!("../tests/certificates/rsa-2048.der");
        for der in [&whole[..0], &whole[..100], &whole[1..], b"PEM?"] {
            let error = parse(der).unwrap_err();
            assert!(error.starts_with("This is not an X.509 certificate in DER: "), "{error}");
        }
    }
}
