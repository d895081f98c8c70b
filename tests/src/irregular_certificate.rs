//! Certificates as some cards hold them, which break rules of DER or of RFC 5280. They are made
//! from the certificate of a test's key. Nobody checks their own signatures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::asn1::{Asn1, Lengths};

/// What is irregular.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irregularity {
    /// A serial number of 24 octets
    LongSerialNumber,
    /// A negative serial number
    NegativeSerialNumber,
    /// `critical` is 01 instead of FF
    CriticalIsOne,
    /// `critical` is written, though it is false by default
    CriticalIsFalse,
    /// A `UTCTime` without seconds
    TimeWithoutSeconds,
    /// A `UTCTime` in another time zone
    TimeWithOffset,
    /// The start of the validity is before 1970
    TimeBefore1970,
    /// A time that is not a time
    Nonsense,
    /// A common name in `UniversalString`
    UniversalString,
    /// A common name in `BMPString`
    BmpString,
    /// A common name in `TeletexString`
    TeletexString,
    /// A common name in Latin-1, though its type says UTF-8
    Latin1InUtf8String,
    /// Lengths with superfluous bytes
    LongLengths,
    /// Lengths that are not written
    IndefiniteLengths,
    /// A key usage that is not a bit string
    MalformedKeyUsage,
    /// PEM instead of DER
    Pem,
    /// Bytes after the certificate
    BytesAfter,
}

impl Irregularity {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::LongSerialNumber,
        Self::NegativeSerialNumber,
        Self::CriticalIsOne,
        Self::CriticalIsFalse,
        Self::TimeWithoutSeconds,
        Self::TimeWithOffset,
        Self::TimeBefore1970,
        Self::Nonsense,
        Self::UniversalString,
        Self::BmpString,
        Self::TeletexString,
        Self::Latin1InUtf8String,
        Self::LongLengths,
        Self::IndefiniteLengths,
        Self::MalformedKeyUsage,
        Self::Pem,
        Self::BytesAfter,
    ];

    /// Makes a regular certificate in DER irregular.
    pub fn of(self, der: &[u8]) -> Vec<u8> {
        let mut certificate = Asn1::read(der);
        let content = certificate.child(0);
        match self {
            Self::LongSerialNumber => *content.child(1) = Asn1::Primitive(0x02, vec![1; 24]),
            Self::NegativeSerialNumber => *content.child(1) = Asn1::Primitive(0x02, vec![0xFF; 4]),
            Self::CriticalIsOne => *key_usage(content).child(1) = Asn1::Primitive(0x01, vec![1]),
            Self::CriticalIsFalse => *key_usage(content).child(1) = Asn1::Primitive(0x01, vec![0]),
            Self::TimeWithoutSeconds => set_not_before(content, "2601311200Z"),
            Self::TimeWithOffset => set_not_before(content, "260131120000+0130"),
            Self::TimeBefore1970 => set_not_before(content, "650131120000Z"),
            Self::Nonsense => set_not_before(content, "some day"),
            Self::UniversalString => {
                let utf_32: Vec<u8> =
                    NAME.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
                set_common_name(content, 0x1C, &utf_32);
            }
            Self::BmpString => {
                let utf_16: Vec<u8> = NAME.encode_utf16().flat_map(u16::to_be_bytes).collect();
                set_common_name(content, 0x1E, &utf_16);
            }
            Self::TeletexString => set_common_name(content, 0x14, &latin_1()),
            Self::Latin1InUtf8String => set_common_name(content, 0x0C, &latin_1()),
            Self::LongLengths => return certificate.encoded(Lengths::Long),
            Self::IndefiniteLengths => return certificate.encoded(Lengths::Indefinite),
            Self::MalformedKeyUsage => {
                *key_usage(content).last_child() = Asn1::Primitive(0x04, b"\x05\x00".to_vec());
            }
            Self::Pem => {
                let text = STANDARD.encode(der);
                let lines: Vec<_> =
                    text.as_bytes().chunks(64).map(|line| line.escape_ascii()).collect();
                let lines: String = lines.iter().map(|line| format!("{line}\n")).collect();
                return format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
                    .into_bytes();
            }
            Self::BytesAfter => return [der, b"\x00secret\xFF"].concat(),
        }
        certificate.encoded(Lengths::Minimal)
    }
}

/// The common name of a certificate whose name is irregular.
pub const NAME: &str = "Zoë";

fn latin_1() -> Vec<u8> {
    NAME.chars().map(|c| u8::try_from(u32::from(c)).expect("a character of Latin-1")).collect()
}

/// Replaces the algorithm of the key in a certificate. `algorithm` is an `AlgorithmIdentifier` in
/// DER.
pub fn with_key_algorithm(der: &[u8], algorithm: &[u8]) -> Vec<u8> {
    let mut certificate = Asn1::read(der);
    *certificate.child(0).child(6).child(0) = Asn1::read(algorithm);
    certificate.encoded(Lengths::Minimal)
}

/// Sets the start of the validity in the content of a certificate.
fn set_not_before(content: &mut Asn1, time: &str) {
    *content.child(4).child(0) = Asn1::Primitive(0x17, time.as_bytes().to_vec());
}

/// Sets the last attribute of the subject, which is the common name.
fn set_common_name(content: &mut Asn1, tag: u8, value: &[u8]) {
    *content.child(5).last_child().child(0).child(1) = Asn1::Primitive(tag, value.to_vec());
}

/// The extension in the content of a certificate.
fn key_usage(content: &mut Asn1) -> &mut Asn1 {
    let extensions = content.last_child().child(0).children();
    let mut key_usage = extensions.iter_mut().filter_map(|extension| {
        let id = extension.child(0);
        matches!(id, Asn1::Primitive(_, id) if *id == KEY_USAGE).then_some(extension)
    });
    key_usage.next().expect("a key usage")
}

const KEY_USAGE: [u8; 3] = [0x55, 0x1D, 0x0F];
