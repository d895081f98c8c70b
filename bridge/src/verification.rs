//! Checks signatures in software, with the public key of a certificate. It runs in the bridge,
//! because a module can change everything that its worker reports.

pub mod ecdsa;
pub mod key_kind;
pub(crate) mod known_certificates;
pub mod public_key;
pub(crate) mod rsa_public_key;
pub mod scheme;
pub(crate) mod token_signature;
pub(crate) mod unsigned_integer;
