//! A signature as the token made it, its check, and its form for the page.

use pkcs11_bridge_protocol::call::SignatureFormat;

use super::ecdsa;
use super::public_key::Verifier;
use super::scheme::Scheme;

/// A signature that may be wrong. An ECDSA signature is kept in DER too.
pub(crate) struct TokenSignature {
    raw: Vec<u8>,
    der: Option<Vec<u8>>,
}

impl TokenSignature {
    /// `None` if the bytes cannot be a signature of the scheme.
    pub(crate) fn new(bytes: Vec<u8>, scheme: Scheme) -> Option<Self> {
        match scheme {
            Scheme::Ecdsa(curve, _) => {
                let raw = ecdsa::full_length(&bytes, curve)?;
                let der = ecdsa::to_der(&raw, curve)?;
                Some(Self { raw, der: Some(der) })
            }
            _ => Some(Self { raw: bytes, der: None }),
        }
    }

    /// Whether the verifier's key made this signature of `data`.
    pub(crate) fn is_of(&self, verifier: &Verifier, data: &[u8]) -> bool {
        verifier.accepts(data, self.der.as_ref().unwrap_or(&self.raw))
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
