//! The two encodings of an ECDSA signature. Tokens return it raw, which is r followed by s. The
//! other is `ECDSA-Sig-Value` in DER (RFC 3279, section 2.2.3), which some tokens return instead.

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence, Tag, Tagged};

use super::key_kind::Curve;
use super::unsigned_integer;

/// Pads r and s of a raw signature to the length of the curve's order. A token may leave out
/// leading zeros of both (PKCS#11 3.2, section 6.3.1). `None` if `raw` cannot be a signature.
pub fn full_length(raw: &[u8], curve: Curve) -> Option<Vec<u8>> {
    if !raw.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    of_integers(r, s, curve)
}

/// The raw signature of full length in a DER signature. Takes integers that have no sign byte or
/// too many, because only their digits count. `None` if `der` is something else.
pub fn from_der(der: &[u8], curve: Curve) -> Option<Vec<u8>> {
    let LenientSigValue { r, s } = LenientSigValue::from_der(der).ok()?;
    let is_integer = |value: &AnyRef<'_>| value.tag() == Tag::Integer;
    (is_integer(&r) && is_integer(&s)).then_some(())?;
    of_integers(r.value(), s.value(), curve)
}

fn of_integers(r: &[u8], s: &[u8], curve: Curve) -> Option<Vec<u8>> {
    let full = |integer| unsigned_integer::full_length(integer, curve.order_len());
    Some([full(r)?, full(s)?].concat())
}

/// Encodes a raw signature in DER. `None` unless r and s each have the length of the curve's order.
pub fn to_der(raw: &[u8], curve: Curve) -> Option<Vec<u8>> {
    if raw.len() != 2 * curve.order_len() {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    EcdsaSigValue { r: UintRef::new(r).ok()?, s: UintRef::new(s).ok()? }.to_der().ok()
}

#[derive(Sequence)]
pub struct EcdsaSigValue<'a> {
    pub r: UintRef<'a>,
    pub s: UintRef<'a>,
}

#[derive(Sequence)]
struct LenientSigValue<'a> {
    r: AnyRef<'a>,
    s: AnyRef<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_length_adds_leading_zeros() {
        let full = full_length(&[1, 2, 3, 4], Curve::P256).unwrap();
        assert_eq!((full.len(), &full[30..32], &full[62..]), (64, &[1, 2][..], &[3, 4][..]));
        for raw in [&[][..], &[1; 3], &[1; 66]] {
            assert!(full_length(raw, Curve::P256).is_none());
        }
    }

    #[test]
    fn der_is_read_with_and_without_sign_bytes() {
        let expected = full_length(&[0x80, 0x7f], Curve::P256).unwrap();
        for der in [
            &[0x30, 7, 2, 2, 0, 0x80, 2, 1, 0x7f][..],
            &[0x30, 6, 2, 1, 0x80, 2, 1, 0x7f],
            &[0x30, 9, 2, 3, 0, 0, 0x80, 2, 2, 0, 0x7f],
        ] {
            assert_eq!(from_der(der, Curve::P256).as_ref(), Some(&expected), "{der:?}");
        }
        for der in
            [&[][..], &[0x30, 3, 2, 1, 7], &[0x30, 6, 4, 1, 7, 2, 1, 7], &[0x30, 4, 2, 0, 2, 0]]
        {
            assert_eq!(from_der(der, Curve::P256), None, "{der:?}");
        }
    }

    #[test]
    fn der_integers_are_minimal_and_positive() {
        let mut raw = vec![0; 64];
        raw[0] = 0x80;
        raw[63] = 0x7f;
        let der = to_der(&raw, Curve::P256).unwrap();
        assert_eq!(der[..6], [0x30, 0x26, 0x02, 0x21, 0x00, 0x80]);
        assert_eq!(der[der.len() - 3..], [0x02, 0x01, 0x7f]);
        assert!(to_der(&raw[1..], Curve::P256).is_none());
    }
}
