//! Decoders of bytes that a token holds or makes: certificates and ECDSA signatures.

use der::Decode;
use pkcs11_bridge::certificate::key_purpose::KeyPurpose;
use pkcs11_bridge::verification::ecdsa::{self, EcdsaSigValue};
use pkcs11_bridge::verification::key_kind::Curve;
use pkcs11_bridge::verification::public_key::PublicKey;
use pkcs11_bridge::verification::scheme::Scheme;
use pkcs11_bridge::worker::certificates::{der_len, subject};
use pkcs11_bridge_protocol::algorithm::Algorithm;

use crate::Decoded;

/// A certificate in DER, as the worker and as the page read it.
pub(crate) fn certificate(der: &[u8]) -> Decoded {
    let of_page = pkcs11_bridge_client::certificate::parse(der).map(drop);
    of_worker(der).and(of_page)
}

/// The subject, the purpose and the key of a certificate. The key accepts no signature of another
/// key.
fn of_worker(der: &[u8]) -> Decoded {
    let _ = (subject(der), KeyPurpose::of_certificate(der));
    let len = der_len(der);
    assert!(len.is_none_or(|len| der_len(&der[..len]) == Some(len)));
    let key = PublicKey::of_certificate(der, "01").map_err(|failure| failure.message)?;
    assert!(len == Some(der.len()), "bytes follow the certificate");
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

/// An ECDSA signature as a token gives it, raw or in DER, after a byte that chooses the curve.
pub(crate) fn signature(bytes: &[u8]) -> Decoded {
    let (curve, raw) = bytes.split_first().ok_or("the input has no curve")?;
    let curve = [Curve::P256, Curve::P384, Curve::P521][usize::from(curve % 3)];
    if let Some(full) = ecdsa::from_der(raw, curve) {
        let der = ecdsa::to_der(&full, curve).expect("a signature of full length has a DER");
        assert!(ecdsa::from_der(&der, curve).as_ref() == Some(&full));
    }
    let full = ecdsa::full_length(raw, curve).ok_or("the bytes are not a signature")?;
    assert!(full.len() == 2 * curve.order_len());
    assert!(ecdsa::full_length(&full, curve).as_ref() == Some(&full));
    let der = ecdsa::to_der(&full, curve).expect("a signature of full length has a DER");
    let read = EcdsaSigValue::from_der(&der).expect("written DER can be read");
    for (half, number) in full.chunks(curve.order_len()).zip([read.r, read.s]) {
        let value = half.iter().position(|byte| *byte != 0).map_or(&[0][..], |at| &half[at..]);
        assert!(number.as_bytes() == value, "DER changes a number of the signature");
    }
    Ok(())
}
