//! The user's decisions about origins, and whether an approval is valid at a time. The clock of a
//! computer may be set back, so a record keeps the latest time at which a bridge saw it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::access::origin::Origin;

/// What the user has decided about origins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// The approvals that have not expired.
    pub(crate) origins: BTreeMap<Origin, ApprovalRecord>,
    /// The blocks, which last until the user ends them.
    pub(crate) blocked: BTreeMap<Origin, BlockRecord>,
}

/// When a block began, in seconds since 1970. It is for people who read the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRecord {
    pub(crate) blocked: u64,
}

impl BlockRecord {
    pub(crate) fn from_now() -> Self {
        Self { blocked: now() }
    }
}

/// When an approval began and when it expires, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRecord {
    pub(crate) approved: u64,
    pub(crate) expires: u64,
    /// The latest time at which a bridge saw the approval. It never decreases.
    #[serde(default)]
    pub(crate) seen: u64,
}

/// What an approval is worth at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// The clock shows a time before the approval was given.
    NotYet,
    Valid,
    Expired,
}

impl ApprovalRecord {
    pub(crate) fn from_now(lifetime: Duration) -> Self {
        let approved = now();
        Self { approved, expires: approved.saturating_add(lifetime.as_secs()), seen: approved }
    }

    /// What the approval is worth at `now`. A clock that was set back does not lengthen it.
    pub(crate) fn validity(&self, now: u64) -> Validity {
        if self.expires <= now.max(self.seen) {
            Validity::Expired
        } else if now.saturating_add(TOLERANCE) < self.approved {
            Validity::NotYet
        } else {
            Validity::Valid
        }
    }

    /// Seconds until the approval expires.
    pub(crate) fn left(&self, now: u64) -> u64 {
        self.expires.saturating_sub(now.max(self.seen))
    }

    /// Records that the approval was seen at `now`, and `elapsed` after it was seen before.
    pub(crate) fn see(&mut self, now: u64, elapsed: Duration) {
        self.seen = now.max(self.seen.saturating_add(elapsed.as_secs()));
    }
}

/// The current time in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The seconds by which the system may correct its clock right after an approval.
const TOLERANCE: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_approval_is_valid_from_its_start_to_its_end() {
        let record = ApprovalRecord { approved: 1000, expires: 2000, seen: 0 };
        for (now, validity) in [
            (0, Validity::NotYet),
            (1000 - TOLERANCE - 1, Validity::NotYet),
            (1000 - TOLERANCE, Validity::Valid),
            (1000, Validity::Valid),
            (1999, Validity::Valid),
            (2000, Validity::Expired),
            (u64::MAX, Validity::Expired),
        ] {
            assert_eq!(record.validity(now), validity, "{now}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lengthen_an_approval() {
        let mut record = ApprovalRecord { approved: 1000, expires: 2000, seen: 0 };
        record.see(1900, Duration::ZERO);
        assert_eq!((record.validity(1100), record.left(1100)), (Validity::Valid, 100));
        // Time passes while the clock is behind.
        record.see(1150, Duration::from_secs(50));
        assert_eq!((record.seen, record.left(1150)), (1950, 50));
        record.see(1200, Duration::from_secs(50));
        assert_eq!(record.validity(1200), Validity::Expired);
    }

    #[test]
    fn an_approval_that_was_never_seen_is_read() {
        let record: ApprovalRecord = serde_json::from_str(r#"{"approved":1,"expires":2}"#).unwrap();
        assert_eq!(record, ApprovalRecord { approved: 1, expires: 2, seen: 0 });
    }
}
