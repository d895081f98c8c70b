//! Notifications of macOS, by the system's own program for scripts. They stay in the list of
//! notifications, and their text cannot change.

use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;

/// Shows a notification.
pub(super) fn show(title: &str, text: &str) {
    let mut command = Command::new("/usr/bin/osascript");
    // The script gets the texts as arguments, so that no text can be a part of it.
    for line in SCRIPT {
        command.args(["-e", line]);
    }
    command.args([title, text]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    if let Err(error) = command.status() {
        tracing::debug!(%error, "cannot show a notification");
    }
}

/// Shows a notification, and waits until the sender is dropped.
pub(super) fn show_while(title: &str, text: &str, changes: &Receiver<String>) {
    show(title, text);
    while changes.recv().is_ok() {}
}

const SCRIPT: [&str; 3] =
    ["on run argv", "display notification (item 2 of argv) with title (item 1 of argv)", "end run"];
