//! Events of the user's desktop session that end all logins: the screen is locked, or the computer
//! goes to sleep. Only Linux tells them, through logind.

#[cfg_attr(target_os = "linux", path = "desktop_session/logind.rs")]
#[cfg_attr(not(target_os = "linux"), path = "desktop_session/not_watched.rs")]
mod source;

use std::sync::mpsc::SyncSender;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::supervisor::LogoutReason;

/// Logins must end. The computer does not go to sleep before this is dropped, or some seconds pass.
pub(crate) struct SessionEvent {
    pub(crate) reason: LogoutReason,
    _handled: SyncSender<()>,
}

/// Starts to watch the session. Gives nothing if the platform tells nothing.
pub(crate) fn watch() -> UnboundedReceiver<SessionEvent> {
    let (events, received) = unbounded_channel();
    source::start(events);
    received
}
