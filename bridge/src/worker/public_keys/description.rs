//! What a token says of a key, and the `SubjectPublicKeyInfo` (RFC 5280, section 4.1.2.7) that
//! follows from it.

use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, OctetStringRef, UintRef};
use der::{Decode, Encode};
use pkcs11_bridge_certificate::public_key::{self as certified, KeyKind};
use pkcs11_bridge_protocol::failure::Failure;
use x509_cert::spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use crate::verification::rsa_public_key::RsaPublicKey;
use crate::verification::unsigned_integer::minimal;
use crate::worker::module_error::{InContext, Stale};
use crate::worker::objects;
use crate::worker::text::text;

/// The attributes of a private key (PKCS#11 3.2, section 4.9). None of them is secret.
pub(super) const PRIVATE: &[AttributeType] = &[
    AttributeType::KeyType,
    AttributeType::Sign,
    AttributeType::Id,
    AttributeType::Label,
    AttributeType::Modulus,
    AttributeType::PublicExponent,
    AttributeType::EcParams,
    AttributeType::PublicKeyInfo,
];

/// The attributes of a public key (PKCS#11 3.2, section 4.8).
pub(super) const PUBLIC: &[AttributeType] = &[
    AttributeType::KeyType,
    AttributeType::Id,
    AttributeType::Label,
    AttributeType::Modulus,
    AttributeType::PublicExponent,
    AttributeType::EcParams,
    AttributeType::EcPoint,
    AttributeType::Value,
    AttributeType::PublicKeyInfo,
];

/// A private or a public key, as the token describes it. What the token does not say is empty.
#[derive(Default)]
pub(super) struct Description {
    pub(super) may_sign: Option<bool>,
    pub(super) id: Vec<u8>,
    pub(super) label: String,
    key_type: Option<KeyType>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    ec_params: Vec<u8>,
    ec_point: Vec<u8>,
    value: Vec<u8>,
    info: Vec<u8>,
}

impl Description {
    /// Reads the keys of a class. Leaves out a key that cannot be read.
    pub(super) fn read_all(
        session: &Session,
        class: ObjectClass,
        wanted: &[AttributeType],
    ) -> Result<Vec<Self>, Failure> {
        let handles = objects::find(session, &[Attribute::Class(class)], "looking for keys")?;
        let mut keys = Vec::with_capacity(handles.len());
        for handle in handles {
            match Self::read(session, handle, wanted) {
                Ok(key) => keys.push(key),
                // This error concerns the token, not one key.
                Err(failure) if Stale::of(&failure) == Some(Stale::Token) => return Err(failure),
                Err(failure) => tracing::warn!(%failure, "left out a key that cannot be read"),
            }
        }
        Ok(keys)
    }

    fn read(
        session: &Session,
        handle: ObjectHandle,
        wanted: &[AttributeType],
    ) -> Result<Self, Failure> {
        let attributes = session.get_attributes(handle, wanted).context("reading a key")?;
        let mut key = Self::default();
        for attribute in attributes {
            match attribute {
                Attribute::KeyType(key_type) => key.key_type = Some(key_type),
                Attribute::Sign(may_sign) => key.may_sign = Some(may_sign),
                Attribute::Id(id) => key.id = id,
                Attribute::Label(label) => key.label = text(&label),
                Attribute::Modulus(modulus) => key.modulus = minimal(&modulus).to_vec(),
                Attribute::PublicExponent(exponent) => key.exponent = minimal(&exponent).to_vec(),
                Attribute::EcParams(params) => key.ec_params = params,
                Attribute::EcPoint(point) => key.ec_point = point,
                Attribute::Value(value) => key.value = value,
                Attribute::PublicKeyInfo(info) => key.info = info,
                _ => {}
            }
        }
        Ok(key)
    }

    /// Whether this private key may belong to a public key, as far as the token tells.
    pub(super) fn may_belong_to(&self, public: &Self) -> bool {
        let differ =
            |one: &[u8], other: &[u8]| !one.is_empty() && !other.is_empty() && one != other;
        if self.key_type != public.key_type
            || differ(&self.modulus, &public.modulus)
            || differ(&self.ec_params, &public.ec_params)
        {
            return false;
        }
        let has_same_modulus = !self.modulus.is_empty() && self.modulus == public.modulus;
        let has_same_label = !self.label.is_empty() && self.label == public.label;
        let is_named_alike = if self.id.is_empty() { has_same_label } else { self.id == public.id };
        has_same_modulus || is_named_alike
    }

    /// The public key in DER, in the same form whichever attributes tell it. `None` if none does.
    pub(super) fn public_key_info(&self) -> Option<Vec<u8>> {
        self.of_attributes().or_else(|| self.of_info())
    }

    fn of_attributes(&self) -> Option<Vec<u8>> {
        match self.key_type? {
            KeyType::RSA => rsa_info(&self.modulus, &self.exponent),
            KeyType::EC | KeyType::EC_EDWARDS => self.of_point(),
            KeyType::ML_DSA => {
                let id = match self.value.len() {
                    1312 => ML_DSA_44,
                    1952 => ML_DSA_65,
                    2592 => ML_DSA_87,
                    _ => return None,
                };
                encode(id, None, &self.value)
            }
            _ => None,
        }
    }

    /// `CKA_EC_POINT` is an `OCTET STRING` (PKCS#11 3.2, section 6.3.3), or the point as it is, as
    /// some modules store it.
    fn of_point(&self) -> Option<Vec<u8>> {
        let wrapped = <&OctetStringRef>::from_der(&self.ec_point).ok();
        let forms = wrapped.map(OctetStringRef::as_bytes).into_iter().chain([&*self.ec_point]);
        forms.filter_map(|point| self.with_point(point)).next()
    }

    fn with_point(&self, point: &[u8]) -> Option<Vec<u8>> {
        let info = if let Some(id) = edwards(&self.ec_params) {
            encode(id, None, point)?
        } else {
            encode(EC, Some(AnyRef::from_der(&self.ec_params).ok()?), point)?
        };
        let key = certified::PublicKey::of_info(&info).ok()?;
        let len = usize::try_from(key.size()?.div_ceil(8)).ok()?;
        let is_point = match (key.kind, point.first()?) {
            (KeyKind::Ec(_), 4) => point.len() == 1 + 2 * len,
            (KeyKind::Ec(_), 2 | 3) => point.len() == 1 + len,
            (KeyKind::Ec(_), _) => false,
            _ => point.len() == len,
        };
        is_point.then_some(info)
    }

    /// `CKA_PUBLIC_KEY_INFO`
    fn of_info(&self) -> Option<Vec<u8>> {
        let key = certified::PublicKey::of_info(&self.info).ok()?;
        match (&key.kind, key.rsa()) {
            (KeyKind::Rsa, Some(rsa)) => rsa_info(rsa.modulus, rsa.exponent),
            _ => Some(self.info.clone()),
        }
    }
}

/// The algorithm of a key whose `CKA_EC_PARAMS` name an Edwards curve: by OID, as PKCS#11 3.0 has
/// it, by name, or by the OID that GnuPG made.
fn edwards(params: &[u8]) -> Option<ObjectIdentifier> {
    match params {
        b"\x06\x03\x2b\x65\x70"
        | b"\x13\x0cedwards25519"
        | b"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01" => Some(ED25519),
        b"\x06\x03\x2b\x65\x71" | b"\x13\x0aedwards448" => Some(ED448),
        _ => None,
    }
}

fn rsa_info(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    if modulus.is_empty() || exponent.is_empty() {
        return None;
    }
    let (modulus, public_exponent) = (UintRef::new(modulus), UintRef::new(exponent));
    let key = RsaPublicKey { modulus: modulus.ok()?, public_exponent: public_exponent.ok()? };
    encode(RSA, Some(AnyRef::NULL), &key.to_der().ok()?)
}

fn encode(id: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifier { oid: id, parameters };
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfo { algorithm, subject_public_key }.to_der().ok()
}

/// RFC 8017, appendix C
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480, section 2.1.1
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8410, section 3
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");
/// RFC 9881, section 2
const ML_DSA_44: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
const ML_DSA_65: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
const ML_DSA_87: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PublicKeyData};

    use super::*;

    const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

    #[test]
    fn a_point_in_either_form_gives_the_same_public_key() {
        let key = KeyPair::generate().unwrap();
        let (info, point) = (key.subject_public_key_info(), key.der_bytes());
        let wrapped = OctetStringRef::new(point).unwrap().to_der().unwrap();
        let of = |ec_point: &[u8], ec_params: &[u8]| {
            let (key_type, ec_point) = (Some(KeyType::EC), ec_point.to_vec());
            let ec_params = ec_params.to_vec();
            Description { key_type, ec_point, ec_params, ..Description::default() }
                .public_key_info()
        };
        assert_eq!(of(point, P256), Some(info.clone()));
        assert_eq!(of(&wrapped, P256), Some(info));
        assert_eq!(of(&point[..64], P256), None);
        assert_eq!(of(point, b"\x06\x05\x2b\x81\x04\x00\x22"), None, "a point of another curve");
        assert_eq!(of(point, &[]), None);
        assert_eq!(of(&[], P256), None);
    }

    #[test]
    fn a_raw_point_that_looks_like_an_octet_string_is_a_point() {
        let mut point = [7; 65];
        point[..2].copy_from_slice(&[4, 63]);
        let key = Description {
            key_type: Some(KeyType::EC),
            ec_point: point.to_vec(),
            ec_params: P256.to_vec(),
            ..Description::default()
        };
        let info = key.public_key_info().unwrap();
        assert_eq!(*certified::PublicKey::of_info(&info).unwrap().bytes, point);
    }

    #[test]
    fn numbers_and_info_of_an_rsa_key_give_the_same_public_key() {
        let numbers = Description {
            key_type: Some(KeyType::RSA),
            modulus: vec![0xC1; 256],
            exponent: vec![1, 0, 1],
            ..Description::default()
        };
        let info = numbers.public_key_info().unwrap();
        let by_info = Description { info: info.clone(), ..Description::default() };
        assert_eq!(by_info.public_key_info(), Some(info));
        assert_eq!(Description { exponent: Vec::new(), ..numbers }.public_key_info(), None);
    }

    #[test]
    fn keys_belong_together_by_modulus_id_or_label() {
        let key = |id: &[u8], label: &str, modulus: &[u8]| Description {
            key_type: Some(KeyType::RSA),
            id: id.to_vec(),
            label: label.to_owned(),
            modulus: modulus.to_vec(),
            ..Description::default()
        };
        for (private, public, expected) in [
            (key(&[1], "", &[]), key(&[1], "", &[]), true),
            (key(&[1], "", &[]), key(&[2], "", &[]), false),
            (key(&[1], "a", &[]), key(&[2], "a", &[]), false),
            (key(&[], "a", &[]), key(&[], "a", &[]), true),
            (key(&[], "", &[]), key(&[], "", &[]), false),
            (key(&[1], "", &[5]), key(&[2], "", &[5]), true),
            (key(&[1], "", &[5]), key(&[1], "", &[6]), false),
        ] {
            assert_eq!(private.may_belong_to(&public), expected);
        }
        let other = Description { key_type: Some(KeyType::EC), ..key(&[1], "", &[]) };
        assert!(!key(&[1], "", &[]).may_belong_to(&other));
    }
}
