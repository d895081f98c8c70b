//! Notifications on the desktop: short texts that ask nothing. The bridge never waits for them, and
//! a desktop without notifications changes nothing.
//!
//! Each notification has a thread of its own, because the desktop may take seconds to answer.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
#[cfg(all(unix, not(target_os = "macos")))]
use std::time::Duration;

use notify_rust::{Notification as Message, NotificationHandle, Timeout};
use pkcs11_bridge_dialog::notification::Notification as Content;

/// A notification that changes its text. Dropping it removes it from the desktop.
pub(crate) struct Notification {
    texts: Sender<String>,
}

impl Notification {
    /// Shows a notification until it is dropped.
    pub(crate) fn show(content: &Content) -> Self {
        let (texts, changes) = channel();
        let mut message = message(content);
        message.timeout(Timeout::Never);
        start(move || {
            if let Some(mut handle) = shown(&message) {
                show_changes(&mut handle, &changes);
                close(handle);
            }
        });
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
    let mut message = message(content);
    message.timeout(Timeout::Never);
    start(move || drop(shown(&message)));
}

fn message(content: &Content) -> Message {
    let mut message = Message::new();
    message.appname("pkcs11-bridge").summary(&content.title).body(&content.text);
    message
}

fn start(work: impl FnOnce() + Send + 'static) {
    let started = thread::Builder::new().name("notification".to_owned()).spawn(work);
    if let Err(error) = started {
        tracing::debug!(%error, "cannot show a notification");
    }
}

/// Shows the message. `None` if the desktop cannot.
fn shown(message: &Message) -> Option<NotificationHandle> {
    let mut message = message.clone();
    message.body = escaped(&message.body);
    let result = message.show();
    result.inspect_err(|error| tracing::debug!(%error, "cannot show a notification")).ok()
}

/// Shows each text until the sender is dropped.
#[cfg(all(unix, not(target_os = "macos")))]
fn show_changes(handle: &mut NotificationHandle, changes: &Receiver<String>) {
    while let Ok(text) = changes.recv() {
        let text = changes.try_iter().last().unwrap_or(text);
        handle.body(&escaped(&text));
        if let Err(error) = handle.update() {
            tracing::debug!(%error, "cannot change a notification");
        }
        thread::sleep(PAUSE);
    }
}

/// The system has no way to change a notification.
#[cfg(not(all(unix, not(target_os = "macos"))))]
fn show_changes(_: &mut NotificationHandle, changes: &Receiver<String>) {
    while changes.recv().is_ok() {}
}

#[cfg(not(windows))]
fn close(handle: NotificationHandle) {
    handle.close();
}

/// Windows shows a notification for some seconds, and keeps it in its list.
#[cfg(windows)]
fn close(_: NotificationHandle) {}

/// Escapes the text if the desktop reads it as markup (Desktop Notifications Specification, section
/// "Markup"). Without this, the name of a token could hold a link.
#[cfg(all(unix, not(target_os = "macos")))]
fn escaped(text: &str) -> String {
    let reads_markup = notify_rust::get_capabilities()
        .is_ok_and(|capabilities| capabilities.iter().any(|name| name == "body-markup"));
    if reads_markup {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    } else {
        text.to_owned()
    }
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn escaped(text: &str) -> String {
    text.to_owned()
}

/// The shortest time between two texts.
#[cfg(all(unix, not(target_os = "macos")))]
const PAUSE: Duration = Duration::from_millis(500);
