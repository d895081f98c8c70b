//! The origins that the user has approved or blocked, in memory. Other programs may change the
//! state file while the bridge runs (`pkcs11-bridge origins`). Such changes take effect at once.

mod record;
pub mod state_file;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::access::origin::Origin;
use crate::process::lock::lock;
use crate::process::private_file::Stamp;
pub(crate) use record::{ApprovalRecord, Validity, now};
use state_file::{BlockRecord, Decisions};
pub(crate) use state_file::{StateError, StateFile};
pub(crate) use watch::Watch;

/// The origins that the user has approved or blocked.
pub(crate) struct Approvals {
    /// `None` if the user has no home folder. Decisions then end with the bridge.
    file: Option<StateFile>,
    state: Mutex<State>,
}

struct State {
    saved: Decisions,
    /// Approvals that could not be saved.
    unsaved: BTreeMap<Origin, ApprovalRecord>,
    /// Blocks that could not be saved.
    unsaved_blocks: BTreeSet<Origin>,
    /// When all approvals were last seen. A clock that is set back does not change it.
    seen: Instant,
    /// The version of the file that [`Approvals::check_file`] last read.
    stamp: Option<Stamp>,
}

impl State {
    /// Records that all approvals are seen now.
    fn see(&mut self, now: u64) {
        let elapsed = self.seen.elapsed();
        for record in self.saved.origins.values_mut().chain(self.unsaved.values_mut()) {
            record.see(now, elapsed);
        }
        // The records count whole seconds. The rest counts the next time.
        self.seen += Duration::from_secs(elapsed.as_secs());
    }

    fn is_approved(&mut self, origin: &Origin) -> bool {
        let now = now();
        self.see(now);
        [&self.saved.origins, &self.unsaved]
            .into_iter()
            .filter_map(|records| records.get(origin))
            .any(|record| record.validity(now) == Validity::Valid)
    }
}

impl Approvals {
    /// Reads the file. If that fails, no origin is approved. Blocks for some seconds if another
    /// program has the lock of the file.
    pub(crate) fn new(file: Option<StateFile>) -> Self {
        let (saved, unsaved, unsaved_blocks) = Default::default();
        let state = State { saved, unsaved, unsaved_blocks, seen: Instant::now(), stamp: None };
        let approvals = Self { file, state: Mutex::new(state) };
        approvals.set_unreadable_aside();
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

    /// Whether the user has blocked the origin. A block counts more than any approval.
    pub(crate) fn is_blocked(&self, origin: &Origin) -> bool {
        let state = lock(&self.state);
        state.saved.blocked.contains_key(origin) || state.unsaved_blocks.contains(origin)
    }

    /// When the user last approved the origin, in seconds since 1970.
    pub(crate) fn approved_at(&self, origin: &Origin) -> Option<u64> {
        lock(&self.state).saved.origins.get(origin).map(|record| record.approved)
    }

    /// Reads the file if it has changed since the last call.
    ///
    /// The file watch reports a change a moment late. Without this check, the bridge would ask the
    /// user about an origin that was just approved on the command line.
    pub(crate) fn check_file(&self) {
        let Some(file) = &self.file else { return };
        let stamp = file.stamp();
        if std::mem::replace(&mut lock(&self.state).stamp, stamp) == stamp {
            return;
        }
        let now = file.peek().unwrap_or_default();
        // Only add approvals and end blocks. `reload` finds revoked approvals and new blocks when
        // the watch reports the change.
        let mut state = lock(&self.state);
        state.saved.origins.extend(now.origins);
        state.saved.blocked.retain(|origin, _| now.blocked.contains_key(origin));
    }

    /// Blocks an origin. If the block cannot be saved, it lasts until the bridge stops.
    pub(crate) async fn block(self: &Arc<Self>, origin: &Origin) {
        // Before the watch reports the change, which would count as one of another program.
        {
            let mut state = lock(&self.state);
            state.saved.origins.remove(origin);
            state.saved.blocked.insert(origin.clone(), BlockRecord::from_now());
        }
        let (this, blocked) = (Arc::clone(self), origin.clone());
        let saved = tokio::task::spawn_blocking(move || {
            this.file.as_ref().is_some_and(|file| match file.block(&blocked) {
                Ok(()) => true,
                Err(error) => {
                    tracing::error!(origin = %blocked, %error, "cannot save the block");
                    false
                }
            })
        })
        .await;
        if !saved.is_ok_and(|saved| saved) {
            tracing::warn!(%origin, "the block holds until the bridge stops");
            lock(&self.state).unsaved_blocks.insert(origin.clone());
        }
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
            Ok(Some(Ok(()))) => drop(state.saved.origins.insert(origin.clone(), record)),
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

    /// Reads the file again and returns the origins whose approval was revoked, and those that were
    /// blocked. An expired approval does not count as revoked. An unsaved approval does, because
    /// there is no other way to revoke it. A file that cannot be read approves nothing.
    pub(crate) fn reload(&self) -> BTreeSet<Origin> {
        let mut saved = self.file.as_ref().and_then(StateFile::peek).unwrap_or_default();
        let now = now();
        let mut state = lock(&self.state);
        state.see(now);
        for (origin, record) in &mut saved.origins {
            let seen = state.saved.origins.get(origin).map_or(now, |before| before.seen);
            record.see(seen.max(now), Duration::ZERO);
        }
        let before = std::mem::replace(&mut state.saved, saved.clone());
        state.unsaved_blocks.clear();
        let blocked = saved.blocked.into_keys();
        let blocked = blocked.filter(|origin| !before.blocked.contains_key(origin));
        before
            .origins
            .into_iter()
            .chain(std::mem::take(&mut state.unsaved))
            .filter(|(origin, record)| {
                record.validity(now) == Validity::Valid && !saved.origins.contains_key(origin)
            })
            .map(|(origin, _)| origin)
            .chain(blocked)
            .collect()
    }

    /// Renames a file that cannot be read. Blocks for some seconds if another program has the lock
    /// of the file.
    pub(crate) fn set_unreadable_aside(&self) {
        if let Some(file) = &self.file
            && let Err(error) = file.read()
        {
            tracing::error!(%error, "no origin is approved");
        }
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
        let recorded = file.change(|decisions| {
            for (origin, record) in &mut decisions.origins {
                let seen = saved.origins.get(origin).map_or(0, |saved| saved.seen);
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
