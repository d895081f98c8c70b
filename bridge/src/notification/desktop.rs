//! Notifications of Linux, by D-Bus, and of Windows.

use std::sync::mpsc::Receiver;
#[cfg(unix)]
use std::thread;
#[cfg(unix)]
use std::time::Duration;

use notify_rust::{Notification, NotificationHandle, Timeout};

/// Shows a notification that stays until the user removes it.
pub(super) fn show(title: &str, text: &str) {
    drop(shown(title, text));
}

/// Shows a notification with the newest text, until the sender is dropped.
pub(super) fn show_while(title: &str, text: &str, changes: &Receiver<String>) {
    if let Some(mut handle) = shown(title, text) {
        show_changes(&mut handle, changes);
        close(handle);
    }
}

/// `None` if the desktop shows no notifications.
fn shown(title: &str, text: &str) -> Option<NotificationHandle> {
    let mut message = Notification::new();
    message.appname("pkcs11-bridge").summary(title).body(&escaped(text)).timeout(Timeout::Never);
    let result = message.show();
    result.inspect_err(|error| tracing::debug!(%error, "cannot show a notification")).ok()
}

#[cfg(unix)]
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

/// Windows has no way to change a notification.
#[cfg(windows)]
fn show_changes(_: &mut NotificationHandle, changes: &Receiver<String>) {
    while changes.recv().is_ok() {}
}

#[cfg(unix)]
fn close(handle: NotificationHandle) {
    handle.close();
}

/// Windows shows a notification for some seconds, and keeps it in its list.
#[cfg(windows)]
fn close(_: NotificationHandle) {}

/// Escapes the text if the desktop reads it as markup (Desktop Notifications Specification, section
/// "Markup"). Without this, the name of a token could hold a link.
#[cfg(unix)]
fn escaped(text: &str) -> String {
    let reads_markup = notify_rust::get_capabilities()
        .is_ok_and(|capabilities| capabilities.iter().any(|name| name == "body-markup"));
    if reads_markup {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    } else {
        text.to_owned()
    }
}

#[cfg(windows)]
fn escaped(text: &str) -> String {
    text.to_owned()
}

/// The shortest time between two texts.
#[cfg(unix)]
const PAUSE: Duration = Duration::from_millis(500);
