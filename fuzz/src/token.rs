//! Decoders of bytes that a token holds or makes: certificates and ECDSA signatures.

use der::Decode;
use pkcs11_bridge::certificate::key_purpose::KeyPurpose;
use pkcs11_bridge::verification::ecdsa::{self, EcdsaSigValue};
use pkcs11_bridge::verification::key_kind::{Curve, KeyKind};
use pkcs11_bridge::verification::public_key::PublicKey;
use pkcs11_bridge::verification::scheme::Scheme;
use pkcs11_bridge::worker::certificates::subject;
use pkcs11_bridge_certificate::of_token;
use pkcs11_bridge_protocol::algorithm::Algorithm;
use x509_cert::Certificate;

use crate::Decoded;

/// The value of a certificate object, as the worker and as the page read it.
pub(crate) fn certificate(value: &[u8]) -> Decoded {
    let certificate = of_token(value);
    assert!(of_token(&certificate) == certificate, "the certificate itself has another form");
    let of_page = pkcs11_bridge_client::certificate::parse(&certificate)
        .map(drop)
        .map_err(|error| error.to_string());
    of_worker(&certificate).and(of_page)
}

/// The subject, the purpose and the key of a certificate. The key accepts no signature of another
/// key.
fn of_worker(der: &[u8]) -> Decoded {
    let _ = (subject(der), KeyPurpose::of_certificate(der));
    let key = PublicKey::of_certificate(der, "01").map_err(|failure| failure.message)?;
    assert_as_strict_readers(der, &key);
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

/// A certificate without a flaw has one meaning only.
fn assert_as_strict_readers(der: &[u8], key: &PublicKey) {
    let Ok(strict) = Certificate::from_der(der) else { return };
    let info = strict.tbs_certificate().subject_public_key_info();
    if matches!(key.kind(), KeyKind::Ec(_) | KeyKind::Ed25519 | KeyKind::Ed448 | KeyKind::MlDsa(_))
    {
        assert!(info.subject_public_key.as_bytes() == Some(key.bytes()), "another key");
    }
}

/// An ECDSA signature as a token gives it, raw or in DER, after a byte that chooses the curve.
pub(crate) fn signature(bytes: &[u8]) -> Decoded {
    let (curve, raw) = bytes.split_first().ok_or("the input has no curve")?;
    let curve = Curve::ALL[usize::from(*curve) % Curve::ALL.len()];
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
