//! What a handle of a worker sends to the task that owns the worker process.

use std::time::Duration;

use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::slot_id::SlotId;
use tokio::sync::{mpsc, oneshot};

use super::admission::ThreadPermit;
use super::login_terms::LoginTerms;
use crate::ipc::frame::Frame;
use crate::ipc::message::Outcome;
use crate::ipc::pin::PinUse;
use crate::ipc::task::TimeLimits;

pub(super) enum Command {
    Execute(Box<Execution>),
    /// Asks for how long nobody has used the worker; `None` if it is in use. A page that only
    /// watches slots does not use it.
    UnusedFor(oneshot::Sender<Option<Duration>>),
    /// Asks how long ago the last call was; zero if a call is in flight.
    LastUsed(oneshot::Sender<Duration>),
    /// Asks the worker to end if nobody has used it for that time. The reply says whether it ends.
    EndIfUnusedFor(Duration, oneshot::Sender<bool>),
    /// Ends all logins. The sender is dropped when that is done.
    LogOut(LogoutReason, mpsc::Sender<()>),
    /// Ends the process in the middle of its tasks.
    EndNow,
    /// The same, because another origin has no worker and this origin has more than its share.
    MakeRoom,
}

/// Why the bridge ends logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only logind tells some of them"))]
pub(crate) enum LogoutReason {
    /// No signature used them for a while, or they lasted as long as allowed.
    Expired,
    /// The user locked the screen.
    ScreenLocked,
    /// The computer goes to sleep.
    Suspend,
}

impl LogoutReason {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Expired => {
                "logged out: no signature used the login for a while, or it lasted as long as \
                 allowed"
            }
            Self::ScreenLocked => "logged out: the screen was locked",
            Self::Suspend => "logged out: the computer goes to sleep",
        }
    }
}

/// A task for the worker.
pub(super) struct Execution {
    pub(super) name: &'static str,
    pub(super) frame: Frame,
    pub(super) limits: TimeLimits,
    /// What the task reads. A task that reads the same may get its result.
    pub(super) reading: Option<String>,
    pub(super) effect: Effect,
    pub(super) permit: ThreadPermit,
    /// Told once the token has accepted the PIN of the task.
    pub(super) pin_accepted: Option<oneshot::Sender<()>>,
    pub(super) reply: oneshot::Sender<Result<Delivery, Failure>>,
}

/// What a task means to the process task.
pub(super) enum Effect {
    Nothing,
    /// It may log in to the slot. `was_open` says whether the login is open for it.
    LogsIn {
        slot: SlotId,
        terms: LoginTerms,
        was_open: bool,
        signs: bool,
        at_pinpad: bool,
    },
    /// It logs out of the slot, or of all slots.
    LogsOut(Option<SlotId>),
    /// After it the worker may wait in `C_WaitForSlotEvent`.
    SnapshotsTokens,
}

/// What became of a request.
pub(crate) enum Delivery {
    Answered(Outcome, PinUse),
    /// The worker ended before it got the request, for this reason.
    NotSent(Failure),
    /// The worker did not get the request, and another worker would not get it either.
    Refused(Failure),
}
