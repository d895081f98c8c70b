//! The origins that the user has approved, in memory. Other programs may change the state file
//! while the bridge runs (`pkcs11-bridge origins`). Such changes take effect at once.

pub mod state_file;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::access::origin::Origin;
use crate::process::lock::lock;
use state_file::Stamp;
pub(crate) use state_file::{ApprovalRecord, ApprovalRecords, StateError, StateFile, unix_seconds};
pub(crate) use watch::Watch;

/// The origins that the user has approved.
pub(crate) struct Approvals {
    /// `None` if the user has no home folder. Approvals then end with the bridge.
    file: Option<StateFile>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    saved: ApprovalRecords,
    /// Approvals that could not be saved, with their expiry in seconds since 1970.
    unsaved: BTreeMap<Origin, u64>,
    /// The version of the file that [`Approvals::check_file`] last read.
    stamp: Option<Stamp>,
}

impl Approvals {
    /// Reads the file. If that fails, no origin is approved.
    pub(crate) fn new(file: Option<StateFile>) -> Self {
        let approvals = Self { file, state: Mutex::default() };
        approvals.reload();
        approvals
    }

    pub(crate) fn file(&self) -> Option<&StateFile> {
        self.file.as_ref()
    }

    /// Whether the user has approved the origin and the approval has not expired.
    pub(crate) fn is_approved(&self, origin: &Origin) -> bool {
        let (state, now) = (lock(&self.state), unix_seconds(SystemTime::now()));
        let saved = state.saved.get(origin).map(|record| record.expires);
        saved.max(state.unsaved.get(origin).copied()).is_some_and(|expires| now < expires)
    }

    /// Reads the file if it has changed since the last call, and returns whether the origin is
    /// approved now.
    ///
    /// The file watch reports a change a moment late. Without this check, the bridge would ask the
    /// user about an origin that was just approved on the command line.
    pub(crate) fn check_file(&self, origin: &Origin) -> bool {
        let Some(file) = &self.file else { return false };
        let stamp = file.stamp();
        if std::mem::replace(&mut lock(&self.state).stamp, stamp) == stamp {
            return false;
        }
        let records = file.read().unwrap_or_default();
        // Only add approvals. `reload` finds revoked approvals when the watch reports the change.
        lock(&self.state).saved.extend(records);
        self.is_approved(origin)
    }

    /// Approves an origin. If the approval cannot be saved, it lasts until the bridge stops.
    pub(crate) async fn approve(self: &Arc<Self>, origin: &Origin, lifetime: Duration) {
        let record = ApprovalRecord::from_now(lifetime);
        let (this, approved) = (Arc::clone(self), origin.clone());
        let saved = tokio::task::spawn_blocking(move || {
            this.file.as_ref().map(|file| file.approve(&approved, record))
        })
        .await;
        let mut state = lock(&self.state);
        match saved {
            // Other changes of the file are read when the watch reports them.
            Ok(Some(Ok(()))) => drop(state.saved.insert(origin.clone(), record)),
            Ok(Some(Err(error))) => {
                tracing::error!(%origin, %error, "the approval holds until the bridge stops");
                state.unsaved.insert(origin.clone(), record.expires);
            }
            Ok(None) | Err(_) => {
                tracing::warn!(%origin, "the approval holds until the bridge stops");
                state.unsaved.insert(origin.clone(), record.expires);
            }
        }
    }

    /// Reads the file again and returns the origins whose approval was revoked. An expired approval
    /// does not count as revoked. An unsaved approval does, because there is no other way to revoke
    /// it.
    pub(crate) fn reload(&self) -> BTreeSet<Origin> {
        let records =
            self.file.as_ref().map_or_else(|| Ok(ApprovalRecords::new()), StateFile::read);
        let records = records.unwrap_or_else(|error| {
            tracing::error!(%error, "no origin is approved");
            ApprovalRecords::new()
        });
        let now = unix_seconds(SystemTime::now());
        let mut state = lock(&self.state);
        let stamp = state.stamp;
        let after = State { saved: records.clone(), unsaved: BTreeMap::new(), stamp };
        let before = std::mem::replace(&mut *state, after);
        before
            .saved
            .into_iter()
            .map(|(origin, record)| (origin, record.expires))
            .chain(before.unsaved)
            .filter(|(origin, expires)| now < *expires && !records.contains_key(origin))
            .map(|(origin, _)| origin)
            .collect()
    }
}

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// "1 day" or "30 days".
pub(crate) fn in_days(days: u64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
