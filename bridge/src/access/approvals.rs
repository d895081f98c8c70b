//! The origins that the user has approved, in memory. Other programs may change the state file
//! while the bridge runs (`pkcs11-bridge origins`). Such changes take effect at once.

mod record;
pub mod state_file;
mod watch;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::access::origin::Origin;
use crate::process::lock::lock;
use crate::process::private_file::Stamp;
pub(crate) use record::{ApprovalRecord, Validity, now};
pub(crate) use state_file::{ApprovalRecords, StateError, StateFile};
pub(crate) use watch::Watch;

/// The origins that the user has approved.
pub(crate) struct Approvals {
    /// `None` if the user has no home folder. Approvals then end with the bridge.
    file: Option<StateFile>,
    state: Mutex<State>,
}

struct State {
    saved: ApprovalRecords,
    /// Approvals that could not be saved.
    unsaved: ApprovalRecords,
    /// When all approvals were last seen. A clock that is set back does not change it.
    seen: Instant,
    /// The version of the file that [`Approvals::check_file`] last read.
    stamp: Option<Stamp>,
}

impl State {
    /// Records that all approvals are seen now.
    fn see(&mut self, now: u64) {
        let elapsed = self.seen.elapsed();
        for record in self.saved.values_mut().chain(self.unsaved.values_mut()) {
            record.see(now, elapsed);
        }
        // The records count whole seconds. The rest counts the next time.
        self.seen += Duration::from_secs(elapsed.as_secs());
    }

    fn is_approved(&mut self, origin: &Origin) -> bool {
        let now = now();
        self.see(now);
        [&self.saved, &self.unsaved]
            .into_iter()
            .filter_map(|records| records.get(origin))
            .any(|record| record.validity(now) == Validity::Valid)
    }
}

impl Approvals {
    /// Reads the file. If that fails, no origin is approved. Blocks for some seconds if another
    /// program has the lock of the file.
    pub(crate) fn new(file: Option<StateFile>) -> Self {
        let (saved, unsaved, seen, stamp) =
            (Default::default(), Default::default(), Instant::now(), None);
        let approvals = Self { file, state: Mutex::new(State { saved, unsaved, seen, stamp }) };
        approvals.reload();
        approvals.record_time();
        approvals
    }

    pub(crate) fn file(&self) -> Option<&StateFile> {
        self.file.as_ref()
    }

    /// Whether the user has approved the origin, and the approval is valid now.
    pub(crate) fn is_approved(&self, origin: &Origin) -> bool {
        lock(&self.state).is_approved(origin)
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
        let records = file.peek().unwrap_or_default();
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
                state.unsaved.insert(origin.clone(), record);
            }
            Ok(None) | Err(_) => {
                tracing::warn!(%origin, "the approval holds until the bridge stops");
                state.unsaved.insert(origin.clone(), record);
            }
        }
    }

    /// Reads the file again and returns the origins whose approval was revoked. An expired approval
    /// does not count as revoked. An unsaved approval does, because there is no other way to revoke
    /// it. May block for some seconds.
    pub(crate) fn reload(&self) -> BTreeSet<Origin> {
        let records =
            self.file.as_ref().map_or_else(|| Ok(ApprovalRecords::new()), StateFile::read);
        let mut records = records.unwrap_or_else(|error| {
            tracing::error!(%error, "no origin is approved");
            ApprovalRecords::new()
        });
        let now = now();
        let mut state = lock(&self.state);
        state.see(now);
        for (origin, record) in &mut records {
            let seen = state.saved.get(origin).map_or(now, |before| before.seen);
            record.see(seen.max(now), Duration::ZERO);
        }
        let before = std::mem::replace(&mut state.saved, records.clone());
        before
            .into_iter()
            .chain(std::mem::take(&mut state.unsaved))
            .filter(|(origin, record)| {
                record.validity(now) == Validity::Valid && !records.contains_key(origin)
            })
            .map(|(origin, _)| origin)
            .collect()
    }

    /// Stores the latest time seen, so that a clock that is set back before the next start does not
    /// lengthen an approval. Blocks for some seconds if another program has the lock of the file.
    pub(crate) fn record_time(&self) {
        let Some(file) = &self.file else { return };
        let saved = {
            let mut state = lock(&self.state);
            state.see(now());
            state.saved.clone()
        };
        let recorded = file.change(|records| {
            for (origin, record) in records {
                let seen = saved.get(origin).map_or(0, |saved| saved.seen);
                // Each write makes every bridge of the user read the file again.
                if seen >= record.seen.saturating_add(MIN_STEP) {
                    record.see(seen, Duration::ZERO);
                }
            }
        });
        if let Err(error) = recorded {
            tracing::error!(%error, "approvals cannot be stored");
        }
    }
}

/// The seconds between two stored times.
const MIN_STEP: u64 = 60;
/// How often the bridge stores the time.
pub(crate) const RECORD_INTERVAL: Duration = Duration::from_secs(60 * 60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// "1 day" or "30 days".
pub(crate) fn in_days(days: u64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}
