//! The two encodings of an ECDSA signature. Tokens return it raw, which is r followed by s. The
//! other is `ECDSA-Sig-Value` in DER (RFC 3279, section 2.2.3).

use der::asn1::UintRef;
use der::{Encode, Sequence};

use super::key_kind::Curve;

/// Pads r and s of a raw signature to the length of the curve's order. A token may leave out
/// leading zeros of both (PKCS#11 3.2, section 6.3.1). `None` if `raw` cannot be a signature.
pub fn full_length(raw: &[u8], curve: Curve) -> Option<Vec<u8>> {
    let len = curve.order_len();
    if raw.is_empty() || !raw.len().is_multiple_of(2) || raw.len() > 2 * len {
        return None;
    }
    let (r, s) = raw.split_at(raw.len() / 2);
    let mut full = vec![0; 2 * len];
    full[len - r.len()..len].copy_from_slice(r);
    full[2 * len - s.len()..].copy_from_slice(s);
    Some(full)
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
