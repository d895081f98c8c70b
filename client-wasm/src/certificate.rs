//! Parses the certificates in the result of `certificates`, if the page asks for it. Only describes
//! them: checks no signature, no chain and no date.

use pkcs11_bridge_certificate::public_key::PublicKey;
use pkcs11_bridge_certificate::{
    Certificate, KeyUsage, NotACertificate, Usages, extended_key_usage_name,
};
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasm_bindgen::JsValue;

use crate::object::{field, set};
use crate::value::Value;

/// The content of a certificate (RFC 5280, section 4.1). A field that cannot be read is `null`.
#[derive(Serialize)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub struct Content {
    /// RFC 4514
    subject: Option<String>,
    /// RFC 4514
    issuer: Option<String>,
    /// Lower-case hex
    serial_number: Option<String>,
    /// ISO 8601, UTC
    not_before: Option<String>,
    /// ISO 8601, UTC
    not_after: Option<String>,
    /// "RSA", "EC" and so on, or an OID in dotted decimals
    key_type: Option<String>,
    /// In bits; also `null` if it is not known
    key_size: Option<u32>,
    /// "P-256" and so on, or an OID; also `null` for keys without a curve
    curve: Option<String>,
    /// The names of RFC 5280, section 4.2.1.3
    key_usage: Option<Vec<&'static str>>,
    /// The names of RFC 5280, section 4.2.1.12, or OIDs
    extended_key_usage: Option<Vec<String>>,
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
            let error = format!("The client cannot parse the certificate: {error}.");
            set(certificate, "parse_error", &JsValue::from(error));
            JsValue::NULL
        }
    };
    set(certificate, "parsed", &parsed);
    Some(())
}

/// Parses a certificate. The error says why the bytes are not one.
pub fn parse(bytes: &[u8]) -> Result<Content, NotACertificate> {
    let certificate = Certificate::read(bytes)?;
    let key = certificate.public_key().ok();
    let key = key.as_ref();
    let purposes = |oids: Vec<String>| {
        let name = |oid: String| extended_key_usage_name(&oid).map_or(oid, str::to_owned);
        oids.into_iter().map(name).collect()
    };
    Ok(Content {
        subject: certificate.subject(),
        issuer: certificate.issuer(),
        serial_number: certificate.serial_number(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        key_type: key.map(|key| key.kind.name().to_owned()),
        key_size: key.and_then(PublicKey::size),
        curve: key.and_then(|key| key.kind.curve_name()).map(str::to_owned),
        key_usage: names(certificate.key_usage(), KeyUsage::names),
        extended_key_usage: names(certificate.extended_key_usage(), purposes),
        fingerprint_sha256: const_hex::encode(Sha256::digest(bytes)),
    })
}

/// An empty list if the certificate does not restrict the usages.
fn names<T, N>(usages: Usages<T>, names: impl FnOnce(T) -> Vec<N>) -> Option<Vec<N>> {
    match usages {
        Usages::Unrestricted => Some(Vec::new()),
        Usages::Unreadable => None,
        Usages::Restricted(usages) => Some(names(usages)),
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
            subject: Some(subject.to_owned()),
            issuer: Some(subject.to_owned()),
            serial_number: Some("f0e1d2c3b4a5968778695a4b3c2d1e0f".to_owned()),
            not_before: Some("2026-11-23T15:54:36Z".to_owned()),
            not_after: Some("2051-11-23T15:54:36Z".to_owned()),
            key_type: Some("RSA".to_owned()),
            key_size: Some(2048),
            curve: None,
            key_usage: Some(vec!["digitalSignature", "nonRepudiation"]),
            extended_key_usage: Some(
                ["clientAuth", "emailProtection", "documentSigning", "1.3.6.1.4.1.311.20.2.2"]
                    .map(str::to_owned)
                    .to_vec(),
            ),
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
            assert_eq!(content.key_type.as_deref(), Some("EC"));
            assert_eq!(content.curve.as_deref(), Some(curve));
            assert_eq!(content.key_size, bits);
        }
        let content = parse(include_bytes!("../tests/certificates/ed25519.der")).unwrap();
        assert_eq!(content.key_type.as_deref(), Some("Ed25519"));
        assert_eq!((content.curve, content.key_size), (None, Some(256)));
    }

    #[test]
    fn old_string_types_and_unknown_attributes_in_names() {
        let bmp = parse(include_bytes!("../tests/certificates/ec-p521.der")).unwrap();
        let unknown = "1.3.6.1.4.1.55555.1=#1e0c007300650063006f006e0064";
        let subject = format!("CN=\\#hash\\; a=b,OU=first+{unknown},O=Société 日本,C=FR");
        assert_eq!(bmp.subject, Some(subject));
        let t61 = parse(include_bytes!("../tests/certificates/ec-secp256k1.der")).unwrap();
        assert_eq!(t61.subject.unwrap(), "CN=Zoë,OU=first,O=Société,C=FR");
        let spaces = parse(include_bytes!("../tests/certificates/ed25519.der")).unwrap();
        assert_eq!(spaces.subject.unwrap(), "CN=\\ spaces\\ ");
    }

    #[test]
    fn serial_numbers_of_every_kind() {
        let zero = parse(include_bytes!("../tests/certificates/ec-p521.der")).unwrap();
        assert_eq!(zero.serial_number.unwrap(), "00");
        let high_bit = parse(include_bytes!("../tests/certificates/ec-secp256k1.der")).unwrap();
        assert_eq!(high_bit.serial_number.unwrap(), "80");
        let too_long = parse(include_bytes!("../tests/certificates/ed25519.der")).unwrap();
        assert_eq!(
            too_long.serial_number.unwrap(),
            "0102030405060708090a0b0c0d0e0f101112131415161718"
        );
    }

    #[test]
    fn a_certificate_without_usages_has_no_usage_names() {
        let content = parse(include_bytes!("../tests/certificates/ec-secp256k1.der")).unwrap();
        assert_eq!(content.key_usage, Some(Vec::new()));
        assert_eq!(content.extended_key_usage, Some(Vec::new()));
    }

    #[test]
    fn what_cannot_be_read_leaves_the_rest_in_place() {
        let whole = include_bytes!("../tests/certificates/rsa-2048.der");
        let regular = parse(whole).unwrap();
        let time = b"261123155436Z";
        let at = whole.windows(time.len()).position(|bytes| bytes == time).unwrap();
        let mut changed = whole.to_vec();
        changed[at..at + 8].copy_from_slice(b"some day");
        let expected = Content {
            not_before: None,
            fingerprint_sha256: const_hex::encode(Sha256::digest(&changed)),
            ..regular
        };
        assert_eq!(parse(&changed).unwrap(), expected);
    }

    #[test]
    fn the_error_says_why_it_is_not_a_certificate() {
        let whole = include_bytes!("../tests/certificates/rsa-2048.der");
        for der in [&whole[..0], &whole[..100], &whole[1..], b"PEM?"] {
            let error = parse(der).unwrap_err().to_string();
            assert!(error.starts_with("it is not an X.509 certificate, because "), "{error}");
        }
    }
}
