//! Notifications on the desktop: short texts that ask nothing. The bridge never waits for them, and
//! a desktop without notifications changes nothing.
//!
//! Each notification has a thread of its own, because the desktop may take seconds to answer.

#[cfg_attr(target_os = "macos", path = "notification/osascript.rs")]
#[cfg_attr(not(target_os = "macos"), path = "notification/desktop.rs")]
mod desktop;

use std::sync::mpsc::{Sender, channel};
use std::thread;

use pkcs11_bridge_dialog::notification::Notification as Content;

/// A notification that changes its text. Dropping it removes it from the desktop.
pub(crate) struct Notification {
    texts: Sender<String>,
}

impl Notification {
    /// Shows a notification until it is dropped.
    pub(crate) fn show(content: &Content) -> Self {
        let (texts, changes) = channel();
        let (title, text) = (content.title.clone(), content.text.clone());
        start(move || desktop::show_while(&title, &text, &changes));
        Self { texts }
    }

    /// Replaces the text. Of texts that follow each other quickly, only the last is shown.
    pub(crate) fn update(&self, text: String) {
        // Fails if the desktop shows no notifications.
        let _ = self.texts.send(text);
    }
}

/// Shows a notification that stays until the user removes it.
pub(crate) fn notify(content: &Content) {
    let (title, text) = (content.title.clone(), content.text.clone());
    start(move || desktop::show(&title, &text));
}

fn start(work: impl FnOnce() + Send + 'static) {
    let started = thread::Builder::new().name("notification".to_owned()).spawn(work);
    if let Err(error) = started {
        tracing::debug!(%error, "cannot show a notification");
    }
}
