//! The certificates of tokens, as origins have listed them. They outlive workers and connections,
//! because reading them from a card can take long. Each origin has only what it has read itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pkcs11_bridge_protocol::result::CertificateInfo;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::time::Instant;

use crate::access::origin::Origin;
use crate::ipc::certificate_listing::{ListedToken, TokenIdentity};
use crate::modules::ModuleName;
use crate::process::lock::lock;

/// The last list of each slot.
#[derive(Default)]
pub(crate) struct Listings(Mutex<HashMap<(Origin, ModuleName, SlotId), Listing>>);

/// A list, and the token that it is of.
#[derive(Clone)]
pub(crate) struct Listing {
    pub(crate) token: ListedToken,
    pub(crate) certificates: Arc<[CertificateInfo]>,
    since: Instant,
}

impl Listings {
    /// The last list of a slot, if it is not too old. A worker has to say whether the token is
    /// still there.
    pub(crate) fn get(
        &self,
        origin: &Origin,
        module: &ModuleName,
        slot: SlotId,
    ) -> Option<Listing> {
        let mut listings = lock(&self.0);
        listings.retain(|_, listing| listing.since.elapsed() < LIFETIME);
        listings.get(&(origin.clone(), module.clone(), slot)).cloned()
    }

    /// Keeps a list. A token without a serial number cannot be told apart from others.
    pub(crate) fn keep(
        &self,
        origin: &Origin,
        module: &ModuleName,
        slot: SlotId,
        token: ListedToken,
        certificates: Arc<[CertificateInfo]>,
    ) {
        let size: usize =
            certificates.iter().map(|certificate| certificate.base64.as_ref().len()).sum();
        let key = (origin.clone(), module.clone(), slot);
        let mut listings = lock(&self.0);
        let has_serial = |identity: &TokenIdentity| !identity.serial.is_empty();
        if !token.identity.as_ref().is_none_or(has_serial) || size > MAX_SIZE {
            listings.remove(&key);
            return;
        }
        if listings.len() >= MAX_LISTINGS && !listings.contains_key(&key) {
            listings.clear();
        }
        listings.insert(key, Listing { token, certificates, since: Instant::now() });
    }

    /// Makes the next call read the certificates of the slot again.
    pub(crate) fn forget(&self, origin: &Origin, module: &ModuleName, slot: SlotId) {
        lock(&self.0).remove(&(origin.clone(), module.clone(), slot));
    }

    /// Drops all lists of an origin.
    pub(crate) fn forget_origin(&self, origin: &Origin) {
        lock(&self.0).retain(|(known, ..), _| known != origin);
    }
}

/// Since a worker last said that the token still has these certificates.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// A hostile page or module may make any number of lists of any size.
const MAX_LISTINGS: usize = 64;
const MAX_SIZE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn token(serial: &str) -> ListedToken {
        let (label, manufacturer, model) = Default::default();
        let serial = serial.to_owned();
        let free_memory = [None; 2];
        let identity = TokenIdentity { serial, label, manufacturer, model, free_memory };
        ListedToken { identity: Some(identity), objects: 0 }
    }

    #[tokio::test(start_paused = true)]
    async fn each_origin_has_its_own_lists_for_a_while() {
        let listings = Listings::default();
        let origin = |name: &str| format!("https://{name}.example").parse::<Origin>().unwrap();
        let (one, other) = (origin("one"), origin("other"));
        let (module, slot) = ("card".parse::<ModuleName>().unwrap(), SlotId(1));
        let keep = |serial| listings.keep(&one, &module, slot, token(serial), Arc::default());
        let knows = |origin| listings.get(origin, &module, slot).is_some();
        keep("1");
        assert!(knows(&one) && !knows(&other));
        keep("");
        assert!(!knows(&one), "a token without a serial number");
        keep("1");
        listings.forget_origin(&other);
        assert!(knows(&one));
        listings.forget_origin(&one);
        assert!(!knows(&one));
        keep("1");
        advance(LIFETIME).await;
        assert!(!knows(&one));
    }
}
