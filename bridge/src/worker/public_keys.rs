//! The public keys on a token that have no certificate. By them, pages name keys, and the bridge
//! checks signatures. A private key whose public key the token does not tell is left out.

mod description;

use std::collections::HashSet;
use std::sync::Arc;

use cryptoki::object::{AttributeType, ObjectClass};
use cryptoki::session::Session;
use pkcs11_bridge_protocol::failure::Failure;

use super::certificates::TokenCertificate;
use crate::certificate::fingerprint::Fingerprint;
use crate::ipc::key_listing::ListedKey;
use description::{Description, PRIVATE, PUBLIC};

/// The public keys without a certificate, as they were read.
pub(super) struct PublicKeys {
    pub(super) all: Arc<[TokenCertificate]>,
    /// Those that have a private key for signatures on the token, as far as it shows them.
    signing: HashSet<Fingerprint>,
}

impl PublicKeys {
    /// Reads the keys. Leaves out those with one of these certificates: its owner has said there
    /// what the key is for.
    pub(super) fn read(
        session: &Session,
        certificates: &[TokenCertificate],
    ) -> Result<Self, Failure> {
        let read = |class, wanted: &[AttributeType]| Description::read_all(session, class, wanted);
        let mut private = read(ObjectClass::PRIVATE_KEY, PRIVATE)?;
        private.retain(|key| key.may_sign != Some(false));
        let public = read(ObjectClass::PUBLIC_KEY, PUBLIC)?;
        let certified: HashSet<&[u8]> = certificates
            .iter()
            .filter_map(|certificate| Some(certificate.public_key().ok()?.bytes()))
            .collect();
        let (mut all, mut known, mut signing) = (Vec::new(), HashSet::new(), HashSet::new());
        let mut add = |info: Vec<u8>, key: &Description| {
            let found = TokenCertificate::of_key(info, key.id.clone(), &key.label);
            let fingerprint = found.fingerprint();
            let is_usable = found.public_key().is_ok_and(|key| !certified.contains(key.bytes()));
            if is_usable && known.insert(fingerprint) {
                all.push(found);
            }
            is_usable.then_some(fingerprint)
        };
        for key in &private {
            if let Some(info) = key.public_key_info() {
                signing.extend(add(info, key));
                continue;
            }
            for other in public.iter().filter(|other| key.may_belong_to(other)) {
                signing.extend(other.public_key_info().and_then(|info| add(info, other)));
            }
        }
        for key in &public {
            key.public_key_info().and_then(|info| add(info, key));
        }
        Ok(Self { all: all.into(), signing })
    }

    /// The keys that can sign.
    pub(super) fn listed(&self) -> Vec<ListedKey> {
        let can_sign = |key: &&TokenCertificate| self.signing.contains(&key.fingerprint());
        let listed = |key: &TokenCertificate| ListedKey {
            label: key.label().to_owned(),
            public_key: key.der().to_vec().into(),
        };
        self.all.iter().filter(can_sign).map(listed).collect()
    }
}
