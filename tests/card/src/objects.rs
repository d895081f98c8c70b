//! The data objects of a card (NIST SP 800-73-4, part 1, appendix A).

use std::collections::BTreeMap;

use crate::CertifiedKey;
use crate::tlv::encode;

/// The data objects by their tags, as GET DATA returns them.
pub(crate) fn objects(serial: u32, keys: &[CertifiedKey]) -> BTreeMap<u32, Vec<u8>> {
    let mut objects = BTreeMap::from([
        (CAPABILITIES, encode(DATA, &capabilities(serial))),
        (HOLDER_ID, encode(DATA, &holder_id(serial))),
        (DISCOVERY, discovery()),
    ]);
    for key in keys {
        objects.insert(key.slot.certificate_tag(), encode(DATA, &certificate(&key.certificate)));
    }
    objects
}

/// The application identifier of PIV.
pub(crate) const PIV: [u8; 11] = *b"\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00";

/// What SELECT of the PIV application returns (NIST SP 800-73-4, part 2, table 3).
pub(crate) fn application_properties() -> Vec<u8> {
    let authority = encode(0x79, &encode(0x4F, &PIV[..5]));
    encode(0x61, &[encode(0x4F, &PIV[5..]), authority].concat())
}

fn capabilities(serial: u32) -> Vec<u8> {
    let identifier = [&b"\xA0\x00\x00\x01\x16\xFF\x02"[..], &unique(serial)[..14]].concat();
    let mut fields = vec![(0xF0, identifier), (0xF1, vec![0x21]), (0xF2, vec![0x21])];
    fields.extend([(0xF3, vec![]), (0xF4, vec![0]), (0xF5, vec![0x10])]);
    fields.extend([0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, CHECKSUM].map(|tag| (tag, vec![])));
    fields.iter().flat_map(|(tag, value)| encode(*tag, value)).collect()
}

fn holder_id(serial: u32) -> Vec<u8> {
    [
        encode(0x30, &NO_AGENCY),
        encode(0x34, &unique(serial)),
        encode(0x35, b"20991231"),
        encode(0x3E, &[]),
        encode(CHECKSUM, &[]),
    ]
    .concat()
}

/// That the user's PIN is the one that counts.
fn discovery() -> Vec<u8> {
    encode(DISCOVERY, &[encode(0x4F, &PIV), encode(0x5F2F, &[0x40, 0])].concat())
}

/// A certificate that is not compressed.
fn certificate(der: &[u8]) -> Vec<u8> {
    [encode(0x70, der), encode(0x71, &[0]), encode(CHECKSUM, &[])].concat()
}

/// A GUID that differs for each serial number.
fn unique(serial: u32) -> [u8; 16] {
    let mut guid = *b"\x70\x6B\x63\x73\x31\x31\x40\x00\x80\x00\x00\x00\x00\x00\x00\x00";
    guid[12..].copy_from_slice(&serial.to_be_bytes());
    guid
}

const CAPABILITIES: u32 = 0x5F_C107;
const HOLDER_ID: u32 = 0x5F_C102;
const DISCOVERY: u32 = 0x7E;
const DATA: u32 = 0x53;
const CHECKSUM: u32 = 0xFE;

/// A FASC-N of a card that no agency of the United States has issued, as a YubiKey has it.
const NO_AGENCY: [u8; 25] = *b"\xD4\xE7\x39\xDA\x73\x9C\xED\x39\xCE\x73\x9D\x83\x68\
    \x58\x21\x08\x42\x10\x84\x21\xC8\x42\x10\xC3\xEB";
