//! Platforms on which the bridge does not learn of screen locks and sleep yet.

use tokio::sync::mpsc::UnboundedSender;

use super::SessionEvent;

pub(super) fn start(_: UnboundedSender<SessionEvent>) {}
