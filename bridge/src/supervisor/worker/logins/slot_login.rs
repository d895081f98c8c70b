//! The login of a worker to one token: the certificates and batches that a PIN has opened it for.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::login_times::{LoginLimits, LoginTimes};
use crate::certificate::fingerprint::Fingerprint;
use crate::supervisor::worker::login_terms::{BatchId, LoginTerms};

/// The login of the worker to one token.
pub(super) struct SlotLogin {
    /// The times of the token's own login. It begins anew with each right PIN.
    pub(super) times: LoginTimes,
    /// The tasks that may use the login now.
    pub(super) tasks: usize,
    /// Whether a task that ended may have left a login.
    pub(super) may_be_logged_in: bool,
    pub(super) certificates: HashMap<Fingerprint, Opened>,
    pub(super) batches: HashMap<BatchId, LoginTimes>,
    /// Whether the last certificate has expired, so that nothing needs the login any more.
    pub(super) is_over: bool,
}

/// The login of one certificate.
pub(super) struct Opened {
    pub(super) name: Arc<str>,
    pub(super) signatures: u32,
    pub(super) times: LoginTimes,
}

impl SlotLogin {
    pub(super) fn new(limits: LoginLimits) -> Self {
        Self {
            times: LoginTimes::from_now(limits),
            tasks: 0,
            may_be_logged_in: false,
            certificates: HashMap::new(),
            batches: HashMap::new(),
            is_over: false,
        }
    }

    /// Whether the login is open for any key.
    pub(super) fn is_open(&self) -> bool {
        let of_certificates = self.certificates.values().map(|opened| &opened.times);
        of_certificates.chain(self.batches.values()).any(|times| !times.is_over())
    }

    /// Whether the login is open for a task that brings no PIN.
    pub(super) fn is_open_for(&self, terms: &LoginTerms) -> bool {
        let of_batch = terms.batch.and_then(|batch| self.batches.get(&batch));
        let of_certificate =
            terms.certificate.and_then(|certificate| self.certificates.get(&certificate));
        let mut times = of_batch.into_iter().chain(of_certificate.map(|opened| &opened.times));
        times.any(|times| !times.is_over())
    }

    /// A PIN was right.
    pub(super) fn open(&mut self, terms: &LoginTerms, limits: LoginLimits) {
        let longest = terms.opens_for.unwrap_or(limits.longest);
        let limits = LoginLimits { longest, ..limits };
        self.is_over = false;
        self.times.since = Instant::now();
        self.times.limits.longest = self.times.limits.longest.max(longest);
        if let Some(batch) = terms.batch {
            self.batches.insert(batch, LoginTimes::from_now(limits));
        }
        if let (Some(certificate), Some(_)) = (terms.certificate, terms.opens_for) {
            let before = self.certificates.get(&certificate);
            let signatures = before.map_or(0, |opened| opened.signatures);
            let (name, times) = (Arc::clone(&terms.name), LoginTimes::from_now(limits));
            self.certificates.insert(certificate, Opened { name, signatures, times });
        }
    }

    pub(super) fn close(&mut self) {
        self.certificates.clear();
        self.batches.clear();
    }

    pub(super) fn use_now(&mut self, terms: &LoginTerms) {
        let Some(certificate) = terms.certificate else { return };
        let now = Instant::now();
        self.times.last = now;
        if let Some(opened) = self.certificates.get_mut(&certificate) {
            opened.times.last = now;
        }
        if let Some(times) = terms.batch.and_then(|batch| self.batches.get_mut(&batch)) {
            times.last = now;
        }
    }

    pub(super) fn close_expired(&mut self) {
        let was_open = !self.certificates.is_empty();
        self.certificates.retain(|_, opened| !opened.times.is_over());
        self.batches.retain(|_, times| !times.is_over());
        self.is_over |= was_open && self.certificates.is_empty() && self.batches.is_empty();
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over || self.times.is_over()
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        // A login stays while a task may use it.
        let of_token = (self.tasks == 0).then(|| match self.is_over {
            true => Instant::now(),
            false => self.times.expiry(),
        });
        let of_certificates = self.certificates.values().map(|opened| opened.times.expiry());
        of_token.into_iter().chain(of_certificates).min()
    }
}
