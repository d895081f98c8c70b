//! What reads the bytes that a token holds or makes, for the fuzz targets: see `crate::readers`.

// That something does not hold is said by a panic here.
#![allow(clippy::expect_used)]

use der::Decode;
use pkcs11_bridge_protocol::algorithm::Algorithm;

use super::algorithm::Scheme;
use super::certificates::{own_len, subject};
use super::ecdsa::{self, EcdsaSigValue};
use super::verifier::{Curve, PublicKey};
use crate::readers::Taken;

/// A certificate in DER: its subject, its key, and signatures that are none of that key.
pub fn certificate(der: &[u8]) -> Taken {
    let _ = subject(der);
    let len = own_len(der);
    assert!(len.is_none_or(|len| own_len(&der[..len]) == Some(len)));
    let key = PublicKey::of_certificate(der, "01").map_err(|failure| failure.message)?;
    assert!(len == Some(der.len()), "a certificate with more behind it");
    if let Some(modulus) = key.modulus() {
        assert!(modulus.len() <= der.len() && modulus.first() != Some(&0));
    }
    for name in Algorithm::NAMES {
        let Ok(algorithm) = name.parse::<Algorithm>() else { continue };
        let Ok(scheme) = Scheme::new(algorithm, key.kind()) else { continue };
        let Ok(verifier) = key.verifier(scheme) else { continue };
        let hash = vec![1; algorithm.hash().map_or(100, |hash| hash.output_len())];
        assert!(!verifier.accepts(&hash, &[0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01]));
    }
    Ok(())
}

/// An ECDSA signature as a token gives it, after a byte that chooses the curve.
pub fn signature(bytes: &[u8]) -> Taken {
    let (curve, raw) = bytes.split_first().ok_or("no curve")?;
    let curve = [Curve::P256, Curve::P384, Curve::P521][usize::from(curve % 3)];
    let full = ecdsa::full_length(raw, curve).ok_or("no signature")?;
    assert!(full.len() == 2 * curve.order_len());
    assert!(ecdsa::full_length(&full, curve).as_ref() == Some(&full));
    let der = ecdsa::to_der(&full, curve).expect("a signature of full length has a DER");
    let read = EcdsaSigValue::from_der(&der).expect("DER that was written can be read");
    for (half, number) in full.chunks(curve.order_len()).zip([read.r, read.s]) {
        let value = half.iter().position(|byte| *byte != 0).map_or(&[0][..], |at| &half[at..]);
        assert!(number.as_bytes() == value, "a number that changed");
    }
    Ok(())
}
