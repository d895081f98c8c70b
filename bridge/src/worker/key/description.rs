//! What a token says of a private key, compared with a public key.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::Decode;
use der::asn1::OctetStringRef;
use pkcs11_bridge_protocol::failure::Failure;

use super::Authentication;
use crate::verification::key_kind::{Curve, KeyKind};
use crate::verification::public_key::PublicKey;
use crate::verification::unsigned_integer::minimal;
use crate::worker::objects;

/// The attributes that every search reads.
pub(super) const BRIEF: &[AttributeType] =
    &[AttributeType::KeyType, AttributeType::Sign, AttributeType::AlwaysAuthenticate];

/// The attributes that tell several keys apart.
pub(super) const FULL: &[AttributeType] = &[
    AttributeType::KeyType,
    AttributeType::Sign,
    AttributeType::AlwaysAuthenticate,
    AttributeType::Id,
    AttributeType::Modulus,
    AttributeType::EcParams,
];

/// A private key, as the token describes it.
pub(super) struct Description {
    pub(super) handle: ObjectHandle,
    pub(super) authentication: Authentication,
    /// `CKA_SIGN`, if the token says it.
    pub(super) may_sign: Option<bool>,
    pub(super) id: Option<Vec<u8>>,
    /// Whether `CKA_MODULUS` is that of the public key.
    pub(super) has_same_modulus: bool,
}

impl Description {
    /// `None` if the token describes the key as another one than that of the public key. What the
    /// token does not say counts for the key.
    pub(super) fn read(
        session: &Session,
        handle: ObjectHandle,
        wanted: &[AttributeType],
        public_key: &PublicKey,
    ) -> Option<Self> {
        // A PIN depends on this attribute. If the module fails for all together, ask for it alone.
        let attributes = session
            .get_attributes(handle, wanted)
            .or_else(|_| session.get_attributes(handle, &[AttributeType::AlwaysAuthenticate]));
        let mut description = Self {
            handle,
            authentication: Authentication::Once,
            may_sign: None,
            id: None,
            has_same_modulus: false,
        };
        let kind = public_key.kind();
        for attribute in attributes.unwrap_or_default() {
            match attribute {
                Attribute::KeyType(key_type) if !is_type_of(key_type, kind) => return None,
                Attribute::AlwaysAuthenticate(true) => {
                    description.authentication = Authentication::Always;
                }
                Attribute::Sign(may_sign) => description.may_sign = Some(may_sign),
                Attribute::Id(id) => description.id = Some(id).filter(|id| !id.is_empty()),
                Attribute::Modulus(modulus) => {
                    // Some tokens store a zero byte before the modulus.
                    let modulus = minimal(&modulus);
                    match public_key.modulus() {
                        Some(expected) if !modulus.is_empty() => {
                            (minimal(&expected) == modulus).then_some(())?;
                            description.has_same_modulus = true;
                        }
                        _ => {}
                    }
                }
                Attribute::EcParams(params) if names_other_curve(&params, kind) => return None,
                _ => {}
            }
        }
        Some(description)
    }
}

/// The ids of the public key objects that hold this public key: a point, or that of EdDSA.
pub(super) fn ids_of_public_keys(
    session: &Session,
    public_key: &PublicKey,
) -> Result<Vec<Vec<u8>>, Failure> {
    let template = [Attribute::Class(ObjectClass::PUBLIC_KEY)];
    let keys = objects::find(session, &template, "looking for the public key")?;
    let wanted = [AttributeType::EcPoint, AttributeType::Id];
    let mut ids = Vec::new();
    for key in keys {
        let (mut is_same, mut id) = (false, Vec::new());
        for attribute in session.get_attributes(key, &wanted).unwrap_or_default() {
            match attribute {
                Attribute::EcPoint(point) => is_same = is_point(&point, public_key.bytes()),
                Attribute::Id(value) => id = value,
                _ => {}
            }
        }
        if is_same && !id.is_empty() {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Whether `CKA_EC_POINT` holds the point: as an `OCTET STRING` (PKCS#11 3.2, section 6.3.3), or as
/// it is, as some modules store it.
fn is_point(attribute: &[u8], point: &[u8]) -> bool {
    let wrapped = <&OctetStringRef>::from_der(attribute);
    attribute == point || wrapped.is_ok_and(|wrapped| wrapped.as_bytes() == point)
}

fn is_type_of(key_type: KeyType, kind: KeyKind) -> bool {
    match kind {
        KeyKind::Rsa | KeyKind::RsaPss(_) => key_type == KeyType::RSA,
        KeyKind::Ec(_) => key_type == KeyType::EC,
        // Modules from before PKCS#11 3.0 have no other type for it.
        KeyKind::Ed25519 | KeyKind::Ed448 => [KeyType::EC_EDWARDS, KeyType::EC].contains(&key_type),
        KeyKind::MlDsa(_) => key_type == KeyType::ML_DSA,
    }
}

/// Whether `CKA_EC_PARAMS` is the name of another curve. Parameters in full say nothing here.
fn names_other_curve(params: &[u8], kind: KeyKind) -> bool {
    let expected: &[u8] = match kind {
        KeyKind::Ec(Curve::P256) => b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
        KeyKind::Ec(Curve::P384) => b"\x06\x05\x2b\x81\x04\x00\x22",
        KeyKind::Ec(Curve::P521) => b"\x06\x05\x2b\x81\x04\x00\x23",
        KeyKind::Ec(Curve::Secp256k1) => b"\x06\x05\x2b\x81\x04\x00\x0a",
        KeyKind::Ec(Curve::BrainpoolP256r1) => b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07",
        KeyKind::Ec(Curve::BrainpoolP384r1) => b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0b",
        KeyKind::Ec(Curve::BrainpoolP512r1) => b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0d",
        _ => return false,
    };
    params.first() == Some(&OBJECT_IDENTIFIER) && params != expected
}

const OBJECT_IDENTIFIER: u8 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_is_found_in_both_forms() {
        let point = [4, 1, 2, 3];
        for (attribute, is_same) in [
            (&[4, 4, 4, 1, 2, 3][..], true),
            (&[4, 1, 2, 3], true),
            (&[4, 4, 4, 1, 2, 4], false),
            (&[4, 2, 4, 1], false),
            (&[], false),
        ] {
            assert_eq!(is_point(attribute, &point), is_same, "{attribute:?}");
        }
    }

    #[test]
    fn only_the_name_of_another_curve_excludes_a_key() {
        let (p256, p384) = (KeyKind::Ec(Curve::P256), KeyKind::Ec(Curve::P384));
        let name = b"\x06\x05\x2b\x81\x04\x00\x22";
        assert!(names_other_curve(name, p256) && !names_other_curve(name, p384));
        assert!(!names_other_curve(&[0x30, 1, 7], p256) && !names_other_curve(&[], p256));
        assert!(!names_other_curve(name, KeyKind::Ed25519));
    }
}
