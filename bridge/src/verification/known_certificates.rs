//! The certificates of an origin's tokens, as the bridge itself saw them. A worker cannot say later
//! that a `cert_id` stands for another certificate than the page was shown.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use pkcs11_bridge_protocol::slot_id::SlotId;

use crate::certificate::fingerprint::Fingerprint;
use crate::certificate::key_purpose::KeyPurpose;
use crate::modules::ModuleName;
use crate::process::lock::lock;
use crate::verification::public_key::PublicKey;

/// A certificate that the bridge has read, with its parsed key.
pub(crate) struct KnownCertificate {
    /// The certificate, or the `SubjectPublicKeyInfo` of a key without one.
    pub(crate) der: Vec<u8>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) purpose: KeyPurpose,
    /// The subject (RFC 4514), or the id that the page gave if there is none.
    pub(crate) name: Arc<str>,
    pub(crate) public_key: PublicKey,
}

/// The certificates that one origin has seen or used.
#[derive(Default)]
pub(crate) struct KnownCertificates(Mutex<HashMap<(ModuleName, SlotId), OfSlot>>);

/// All ids are in lower case: upper and lower case do not differ.
#[derive(Default)]
struct OfSlot {
    /// What the page's last list of this slot said.
    listed: HashMap<String, Fingerprint>,
    /// What was read to use a key.
    read: HashMap<String, Arc<KnownCertificate>>,
}

/// The token now has another certificate with this id than the page was shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OtherCertificate;

impl KnownCertificates {
    /// Stores the list that the page gets. Its ids are in lower case.
    pub(crate) fn list(
        &self,
        module: &ModuleName,
        slot: SlotId,
        listed: HashMap<String, Fingerprint>,
    ) {
        let mut slots = lock(&self.0);
        let of_slot = slot_of(&mut slots, module, slot);
        of_slot.read.retain(|id, known| {
            known.fingerprint.is_of_key() || listed.get(id) == Some(&known.fingerprint)
        });
        of_slot.listed = listed;
    }

    /// The certificate that a key was used with before.
    pub(crate) fn get(
        &self,
        module: &ModuleName,
        slot: SlotId,
        id: &str,
    ) -> Option<Arc<KnownCertificate>> {
        let slots = lock(&self.0);
        slots.get(&(module.clone(), slot))?.read.get(&id.to_ascii_lowercase()).cloned()
    }

    /// Stores a certificate that was read. Fails if the page was shown another one with this id, or
    /// if the id is the fingerprint of another one. The id of a key is always its fingerprint.
    pub(crate) fn insert(
        &self,
        module: &ModuleName,
        slot: SlotId,
        id: &str,
        known: KnownCertificate,
    ) -> Result<Arc<KnownCertificate>, OtherCertificate> {
        let id = id.to_ascii_lowercase();
        let by_id = id.parse::<Fingerprint>().ok();
        let mut slots = lock(&self.0);
        let of_slot = slot_of(&mut slots, module, slot);
        let expected = by_id.or_else(|| of_slot.listed.get(&id).copied());
        if expected.is_some_and(|expected| expected != known.fingerprint) {
            return Err(OtherCertificate);
        }
        if of_slot.read.len() >= MAX_READ {
            of_slot.read.clear();
        }
        let known = Arc::new(known);
        of_slot.read.insert(id, Arc::clone(&known));
        Ok(known)
    }

    /// Makes the next use of the key read the certificate again.
    pub(crate) fn forget(&self, module: &ModuleName, slot: SlotId, id: &str) {
        if let Some(of_slot) = lock(&self.0).get_mut(&(module.clone(), slot)) {
            of_slot.read.remove(&id.to_ascii_lowercase());
        }
    }
}

fn slot_of<'a>(
    slots: &'a mut HashMap<(ModuleName, SlotId), OfSlot>,
    module: &ModuleName,
    slot: SlotId,
) -> &'a mut OfSlot {
    let key = (module.clone(), slot);
    if slots.len() >= MAX_SLOTS && !slots.contains_key(&key) {
        slots.clear();
    }
    slots.entry(key).or_default()
}

/// More than any page uses. A hostile module may have any number of slots and certificates.
const MAX_SLOTS: usize = 64;
const MAX_READ: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn module() -> ModuleName {
        "card".parse().unwrap()
    }

    fn fingerprint(certificate: &str) -> Fingerprint {
        Fingerprint::of(certificate.as_bytes())
    }

    fn known(certificate: &str) -> KnownCertificate {
        KnownCertificate {
            der: Vec::new(),
            fingerprint: fingerprint(certificate),
            purpose: KeyPurpose::Signing,
            name: certificate.into(),
            public_key: PublicKey::malformed(),
        }
    }

    #[test]
    fn an_id_stands_for_the_certificate_that_the_page_was_shown() {
        let (certificates, module, slot) = (KnownCertificates::default(), module(), SlotId(1));
        let insert = |id, certificate| certificates.insert(&module, slot, id, known(certificate));
        // Nothing was shown yet.
        assert!(insert("ab", "one").is_ok());
        let listed = HashMap::from([("ab".to_owned(), fingerprint("two"))]);
        certificates.list(&module, slot, listed);
        assert!(certificates.get(&module, slot, "ab").is_none());
        assert!(insert("AB", "one").is_err() && insert("ab", "one").is_err());
        assert!(insert("AB", "two").is_ok() && insert("cd", "three").is_ok());
        assert_eq!(certificates.get(&module, slot, "aB").unwrap().fingerprint, fingerprint("two"));
        assert!(certificates.get(&module, SlotId(2), "ab").is_none());
        certificates.forget(&module, slot, "AB");
        assert!(certificates.get(&module, slot, "ab").is_none());
        assert!(insert("ab", "one").is_err(), "what the page was shown is not forgotten");
    }

    #[test]
    fn a_fingerprint_stands_for_its_certificate_alone() {
        let (certificates, module, slot) = (KnownCertificates::default(), module(), SlotId(1));
        let id = fingerprint("one").to_string();
        assert!(certificates.insert(&module, slot, &id, known("two")).is_err());
        assert!(certificates.insert(&module, slot, &id, known("one")).is_ok());
    }
}
