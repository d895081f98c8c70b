//! A signature as the token made it, its check, and its form for the page.

use pkcs11_bridge_protocol::call::SignatureFormat;

use super::ecdsa;
use super::public_key::Verifier;
use super::scheme::Scheme;
use super::unsigned_integer::full_length;

/// A signature that the verifier accepts. An ECDSA signature is kept in DER too.
pub(crate) struct TokenSignature {
    raw: Vec<u8>,
    der: Option<Vec<u8>>,
}

impl TokenSignature {
    /// The signature of `data` that the token means by these bytes. `None` if the verifier's key
    /// did not make it.
    ///
    /// A token may leave out leading zeros, and may return an ECDSA signature in DER. The verifier
    /// tells which form it is.
    pub(crate) fn read(bytes: &[u8], verifier: &Verifier, data: &[u8]) -> Option<Self> {
        let mut readings = Self::readings(bytes, verifier).into_iter();
        readings.find(|signature| {
            verifier.accepts(data, signature.der.as_ref().unwrap_or(&signature.raw))
        })
    }

    fn readings(bytes: &[u8], verifier: &Verifier) -> Vec<Self> {
        match (verifier.scheme(), verifier.rsa_len()) {
            (Scheme::Ecdsa(curve, _), _) => {
                let raw = [ecdsa::full_length(bytes, curve), ecdsa::from_der(bytes, curve)];
                let both = |raw: Vec<u8>| {
                    let der = ecdsa::to_der(&raw, curve)?;
                    Some(Self { raw, der: Some(der) })
                };
                raw.into_iter().flatten().filter_map(both).collect()
            }
            (_, Some(len)) => {
                let raw = full_length(bytes, len);
                raw.into_iter().map(|raw| Self { raw, der: None }).collect()
            }
            _ => vec![Self { raw: bytes.to_vec(), der: None }],
        }
    }

    pub(crate) fn in_format(self, format: SignatureFormat) -> Vec<u8> {
        match (format, self.der) {
            (SignatureFormat::Der, Some(der)) => der,
            _ => self.raw,
        }
    }
}

/// Whether `signature`, in this format, is a signature of `data`.
pub(crate) fn verify(
    verifier: &Verifier,
    data: &[u8],
    signature: &[u8],
    format: SignatureFormat,
) -> bool {
    match (verifier.scheme(), format) {
        (Scheme::Ecdsa(curve, _), SignatureFormat::Raw) => {
            ecdsa::to_der(signature, curve).is_some_and(|der| verifier.accepts(data, &der))
        }
        _ => verifier.accepts(data, signature),
    }
}
