//! The identity key of the bridge, by which pages know it (see the crate documentation of the
//! protocol, "The bridge's key"). It signs nothing but these proofs.

mod key_file;

use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::identity::{Identity, Nonce, signed_message};

use crate::access::approvals::StateFile;
pub(crate) use key_file::KeyFileError;

/// The key pair of a bridge.
pub(crate) struct IdentityKey {
    pair: EcdsaKeyPair,
    /// `SubjectPublicKeyInfo` in DER.
    public_key: Vec<u8>,
}

impl IdentityKey {
    /// Reads the key beside a state file. Creates it if it is missing.
    pub(crate) fn load(state_file: &StateFile) -> Result<Self, KeyFileError> {
        key_file::load(state_file)
    }

    /// Whether the key beside a state file can be used, if there is one. Creates nothing.
    pub(crate) fn check(state_file: &StateFile) -> Result<(), KeyFileError> {
        key_file::check(state_file)
    }

    /// The file of the key beside a state file.
    pub(crate) fn path(state_file: &StateFile) -> PathBuf {
        key_file::path(state_file)
    }

    /// The key for a bridge. If it cannot be stored, it lasts until the bridge stops.
    pub(crate) fn for_bridge(state_file: Option<&StateFile>) -> Result<Self, KeyFileError> {
        let warn = |reason: &dyn std::fmt::Display| {
            tracing::warn!(
                %reason,
                "the identity key lasts until the bridge stops; sites then report a changed key"
            );
        };
        match state_file.map(Self::load) {
            Some(Err(error @ KeyFileError::Create { .. })) => warn(&error),
            Some(result) => return result,
            None => warn(&"the user has no home folder"),
        }
        Self::temporary()
    }

    /// A new key that is not stored.
    pub(crate) fn temporary() -> Result<Self, KeyFileError> {
        Self::from_pkcs8(&generate()?)
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, KeyFileError> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der)
            .map_err(|_| KeyFileError::NotAKey)?;
        let public_key = pair.public_key().as_der().map_err(|_| KeyFileError::NotAKey)?;
        let public_key = public_key.as_ref().to_vec();
        Ok(Self { pair, public_key })
    }

    /// The public key: `SubjectPublicKeyInfo` in DER.
    pub(crate) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// The SHA-256 hash of the public key in hexadecimal digits.
    pub(crate) fn fingerprint(&self) -> String {
        const_hex::encode(digest(&SHA256, &self.public_key))
    }

    /// Proves the key to a page of `origin` that connected to `port`.
    pub(crate) fn prove(
        &self,
        nonce: &Nonce,
        port: u16,
        origin: &str,
    ) -> Result<Identity, Failure> {
        let message = signed_message(nonce, port, origin);
        let signature = self.pair.sign(&SystemRandom::new(), &message).map_err(|_| {
            let message = "The bridge cannot sign with its identity key. Restart the bridge.";
            Failure::new(ErrorCode::Internal, message)
        })?;
        Ok(Identity {
            public_key: self.public_key.clone().into(),
            signature: signature.as_ref().to_vec().into(),
        })
    }
}

/// A new key in PKCS#8 (RFC 5208).
fn generate() -> Result<Vec<u8>, KeyFileError> {
    EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
        .map(|document| document.as_ref().to_vec())
        .map_err(|_| KeyFileError::Generate)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use pkcs11_bridge_protocol::identity::NONCE_LEN;

    use super::*;

    #[test]
    fn a_proof_holds_for_its_nonce_port_and_origin_only() {
        let key = IdentityKey::from_pkcs8(&generate().unwrap()).unwrap();
        let nonce = Nonce([7; NONCE_LEN]);
        let proof = key.prove(&nonce, 24912, "https://app.example").unwrap();
        assert_eq!(proof.public_key.as_ref(), key.public_key());
        let point = key.pair.public_key().as_ref();
        let verifier = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        let holds = |nonce: &Nonce, port, origin| {
            verifier.verify(&signed_message(nonce, port, origin), proof.signature.as_ref()).is_ok()
        };
        assert!(holds(&nonce, 24912, "https://app.example"));
        assert!(!holds(&Nonce([8; NONCE_LEN]), 24912, "https://app.example"));
        assert!(!holds(&nonce, 24911, "https://app.example"));
        assert!(!holds(&nonce, 24912, "https://app.example:8443"));
    }
}
