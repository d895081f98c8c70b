//! The modules whose slots the bridge watches for the page, while the page listens to "slot".
//!
//! The client asks for each module again on every new connection, and again after a failure. If
//! the user has refused the page, it does not ask: the bridge would ask the user again.

use std::mem;

use gloo_timers::callback::Timeout;
use pkcs11_bridge_protocol::call::{Method, UnwatchSlots, WatchSlots};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;

use super::backoff::Backoff;

/// The modules that the page was given.
pub(super) struct Watches {
    /// The module that the page means if it names none.
    default: Option<String>,
    all: Vec<Watch>,
}

/// What the client asks of the bridge.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    Watch,
    Unwatch,
}

impl Change {
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Watch => WatchSlots::NAME,
            Self::Unwatch => UnwatchSlots::NAME,
        }
    }
}

struct Watch {
    module: Option<String>,
    status: Status,
    backoff: Backoff,
}

enum Status {
    /// The bridge does not watch the module, and the client may ask it to.
    Idle,
    /// A [`Change`] waits for its reply. A module never has two.
    Changing,
    /// The bridge watches the module.
    Watched,
    /// The bridge could not watch the module, and the client asks again later.
    Pausing(#[expect(dead_code, reason = "dropping it stops the timer")] Timeout),
    /// The user has not approved the page, or has revoked the approval.
    Refused,
}

impl Watches {
    pub(super) fn new(default: Option<String>) -> Self {
        Self { default, all: Vec::new() }
    }

    /// Adds a module, unless it is there already.
    pub(super) fn add(&mut self, module: &Option<String>) {
        if self.all.iter().all(|watch| watch.module != *module) {
            let (module, backoff) = (module.clone(), Backoff::new());
            self.all.push(Watch { module, status: Status::Idle, backoff });
        }
    }

    /// The name of a module.
    pub(super) fn module(&self, index: usize) -> Option<String> {
        self.all[index].module.clone()
    }

    /// The connection is gone, and the bridge watches nothing any more.
    pub(super) fn lose(&mut self, revoked: bool) {
        for watch in &mut self.all {
            watch.status = match mem::replace(&mut watch.status, Status::Idle) {
                Status::Refused => Status::Refused,
                _ if revoked => Status::Refused,
                _ => Status::Idle,
            };
        }
    }

    /// The changes to ask for now. Each of them has to be ended.
    pub(super) fn changes(&mut self, listening: bool) -> Vec<(usize, Change)> {
        if listening && self.all.is_empty() {
            self.add(&self.default.clone());
        }
        let mut changes = Vec::new();
        for (index, watch) in self.all.iter_mut().enumerate() {
            let change = match (&watch.status, listening) {
                (Status::Idle, true) => Change::Watch,
                (Status::Watched, false) => Change::Unwatch,
                (Status::Pausing(_), false) => {
                    watch.status = Status::Idle;
                    continue;
                }
                _ => continue,
            };
            watch.status = Status::Changing;
            changes.push((index, change));
        }
        changes
    }

    /// The bridge replied to a [`Change::Watch`]. Returns after how many milliseconds the client
    /// asks again, if it does.
    pub(super) fn end_watch(&mut self, index: usize, failure: Option<&ErrorObject>) -> Option<u32> {
        let watch = &mut self.all[index];
        watch.status = match failure {
            None => {
                watch.backoff = Backoff::new();
                Status::Watched
            }
            Some(error) if error.is(ErrorCode::OriginNotApproved) => Status::Refused,
            Some(_) => return Some(watch.backoff.next()),
        };
        None
    }

    /// The bridge replied to a [`Change::Unwatch`].
    pub(super) fn end_unwatch(&mut self, index: usize) {
        self.all[index].status = Status::Idle;
    }

    /// Keeps the timer after which [`Watches::retry`] is called.
    pub(super) fn retry_later(&mut self, index: usize, timer: Timeout) {
        self.all[index].status = Status::Pausing(timer);
    }

    /// The pause is over.
    pub(super) fn retry(&mut self, index: usize) {
        self.all[index].status = Status::Idle;
    }

    /// The user has approved the page. Returns whether modules were refused before.
    pub(super) fn allow_refused(&mut self) -> bool {
        let mut refused = false;
        for watch in &mut self.all {
            if matches!(watch.status, Status::Refused) {
                watch.status = Status::Idle;
                refused = true;
            }
        }
        refused
    }
}
