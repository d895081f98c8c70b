//! Certificates that break a rule each. Only the field in question differs from the regular one.

use pkcs11_bridge_certificate::public_key::{KeyKind, PssHash};
use pkcs11_bridge_certificate::{Certificate, KeyUsage, Usages, of_token};
use pkcs11_bridge_protocol::algorithm::Hash;

#[derive(Clone, Debug, PartialEq)]
struct Content {
    serial_number: Option<String>,
    subject: Option<String>,
    issuer: Option<String>,
    not_before: Option<String>,
    not_after: Option<String>,
    key_kind: Option<KeyKind>,
    key_size: Option<u32>,
    modulus: Option<Vec<u8>>,
    key_usage: Usages<KeyUsage>,
    extended_key_usage: Usages<Vec<String>>,
}

fn content(value: &[u8]) -> Option<Content> {
    let bytes = of_token(value);
    let certificate = Certificate::read(&bytes).ok()?;
    let key = certificate.public_key().ok();
    Some(Content {
        serial_number: certificate.serial_number(),
        subject: certificate.subject(),
        issuer: certificate.issuer(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        key_size: key.as_ref().and_then(|key| key.size()),
        modulus: key.as_ref().and_then(|key| Some(key.rsa()?.modulus.to_vec())),
        key_kind: key.map(|key| key.kind),
        key_usage: certificate.key_usage(),
        extended_key_usage: certificate.extended_key_usage(),
    })
}

fn irregular(name: &str) -> Option<Content> {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/certificate");
    content(&std::fs::read(format!("{corpus}/irregular.{name}")).ok()?)
}

#[test]
fn only_the_irregular_field_differs() {
    let regular =
        content(include_bytes!("../../client-wasm/tests/certificates/rsa-2048.der")).unwrap();
    let text = |text: &str| Some(text.to_owned());
    let with = |change: &dyn Fn(&mut Content)| {
        let mut content = regular.clone();
        change(&mut content);
        content
    };
    let unchanged = with(&|_| {});
    let zoe = with(&|content| {
        content.subject = content.subject.take().map(|name| name.replace("Ada Lovelace", "Zoë"));
    });
    let no_key = with(&|content| {
        (content.key_kind, content.key_size, content.modulus) = (None, None, None);
    });
    let kind = |kind: KeyKind| with(&|content| content.key_kind = Some(kind.clone()));
    let not_before = |time: Option<String>| with(&|content| content.not_before = time.clone());
    for (name, expected) in [
        ("serial-24-octets", with(&|content| content.serial_number = Some("01".repeat(24)))),
        ("serial-negative", with(&|content| content.serial_number = text("ffffffff"))),
        ("serial-empty", with(&|content| content.serial_number = None)),
        ("critical-01", unchanged.clone()),
        ("time-without-seconds", not_before(text("2026-01-31T12:00:00Z"))),
        ("time-with-offset", not_before(text("2026-01-31T10:30:00Z"))),
        ("time-before-1970", not_before(text("1965-01-31T12:00:00Z"))),
        ("time-nonsense", not_before(None)),
        ("universal-string", zoe.clone()),
        ("bmp-string", zoe.clone()),
        ("teletex-string", zoe.clone()),
        ("latin-1-in-utf-8-string", zoe),
        ("key-usage-null", with(&|content| content.key_usage = Usages::Unreadable)),
        (
            "extended-key-usage-null",
            with(&|content| content.extended_key_usage = Usages::Unreadable),
        ),
        ("lengths-long", unchanged.clone()),
        ("lengths-indefinite", unchanged.clone()),
        ("pem", unchanged.clone()),
        ("bytes-after", unchanged),
        ("key-is-not-a-key", no_key),
        ("rsa-pss-sha-384", kind(KeyKind::RsaPss(PssHash::Only(Hash::Sha384)))),
        ("rsa-pss-no-parameters", kind(KeyKind::RsaPss(PssHash::Any))),
    ] {
        assert_eq!(irregular(name), Some(expected), "{name}");
    }
}

#[test]
fn truncated_certificates_are_errors() {
    let whole = include_bytes!("../../client-wasm/tests/certificates/rsa-2048.der");
    for len in 0..whole.len() {
        assert!(Certificate::read(&whole[..len]).is_err(), "{len}");
    }
}
