//! The origins that the user has approved, as the bridge knows them while it runs. The state file may be
//! changed by others meanwhile (`pkcs11-bridge origins`), which takes effect at once.

mod state_file;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::access::origin::Origin;
use crate::process::lock::lock;
use state_file::Stamp;
pub(crate) use state_file::{Approved, Remembered, StateError, StateFile, unix_seconds};
#[cfg(feature = "fuzzing")]
pub(crate) use state_file::{parse, write_text};
pub(crate) use watch::Watch;

/// What the user has approved.
pub(crate) struct Approvals {
    /// `None` where the system has no place for it: then nothing outlives the bridge.
    file: Option<StateFile>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    remembered: Remembered,
    /// Those that could not be written to the file, until when they hold.
    unsaved: BTreeMap<Origin, u64>,
    /// The file as it was last looked into for an origin that was not known.
    stamp: Option<Stamp>,
}

impl Approvals {
    /// Reads the file. Nothing is approved where that cannot be done.
    pub(crate) fn new(file: Option<StateFile>) -> Self {
        let approvals = Self { file, known: Mutex::default() };
        approvals.reload();
        approvals
    }

    /// The file, where there is one.
    pub(crate) fn file(&self) -> Option<&StateFile> {
        self.file.as_ref()
    }

    /// Whether the user's approval of an origin still holds.
    pub(crate) fn hold(&self, origin: &Origin) -> bool {
        let (known, now) = (lock(&self.known), unix_seconds(SystemTime::now()));
        let remembered = known.remembered.get(origin).map(|approved| approved.expires);
        remembered.max(known.unsaved.get(origin).copied()).is_some_and(|expires| now < expires)
    }

    /// Whether the file approves an origin that is not known to be approved: the watch tells of a change a
    /// moment later, and the user should not be asked what was just answered on the command line. The
    /// file is read only where it was changed since it was last looked into here.
    pub(crate) fn learn(&self, origin: &Origin) -> bool {
        let Some(file) = &self.file else { return false };
        let stamp = file.stamp();
        if std::mem::replace(&mut lock(&self.known).stamp, stamp) == stamp {
            return false;
        }
        let read = file.read().unwrap_or_default();
        // What was taken away is found when the watch tells of it.
        lock(&self.known).remembered.extend(read);
        self.hold(origin)
    }

    /// Approves an origin from now on, also where that cannot be written down.
    pub(crate) async fn approve(self: &Arc<Self>, origin: &Origin, lifetime: Duration) {
        let approved = Approved::from_now(lifetime);
        let (this, remembered) = (Arc::clone(self), origin.clone());
        let saved = tokio::task::spawn_blocking(move || {
            this.file.as_ref().map(|file| file.approve(&remembered, approved))
        })
        .await;
        let mut known = lock(&self.known);
        match saved {
            // What else has changed in the file is read when the watch tells of it.
            Ok(Some(Ok(()))) => drop(known.remembered.insert(origin.clone(), approved)),
            Ok(Some(Err(error))) => {
                tracing::error!(%origin, %error, "the approval holds until the bridge stops");
                known.unsaved.insert(origin.clone(), approved.expires);
            }
            Ok(None) | Err(_) => {
                tracing::warn!(%origin, "the approval holds until the bridge stops");
                known.unsaved.insert(origin.clone(), approved.expires);
            }
        }
    }

    /// Reads the file again and gives the origins whose approval was taken away. One that has expired
    /// was not; one that could not be written down is, because nothing else could take it away.
    pub(crate) fn reload(&self) -> BTreeSet<Origin> {
        let read = self.file.as_ref().map_or_else(|| Ok(Remembered::new()), StateFile::read);
        let read = read.unwrap_or_else(|error| {
            tracing::error!(%error, "no origin is approved");
            Remembered::new()
        });
        let now = unix_seconds(SystemTime::now());
        let mut known = lock(&self.known);
        let stamp = known.stamp;
        let after = Known { remembered: read.clone(), unsaved: BTreeMap::new(), stamp };
        let before = std::mem::replace(&mut *known, after);
        before
            .remembered
            .into_iter()
            .map(|(origin, approved)| (origin, approved.expires))
            .chain(before.unsaved)
            .filter(|(origin, expires)| now < *expires && !read.contains_key(origin))
            .map(|(origin, _)| origin)
            .collect()
    }
}
