//! systemd's manager of this user, asked with `systemctl --user`.

use std::path::Path;
use std::process::{Command, Stdio};

/// Whether systemd has started this computer (sd_booted(3)).
pub(super) fn runs_this_computer() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// Whether a manager of this user runs. There is none in a session of `su`, for example.
pub(super) fn answers() -> bool {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    folder.is_some_and(|folder| Path::new(&folder).join("systemd/private").exists())
}

/// Whether systemd listens for the bridge, or the bridge listens on systemd's socket.
pub(super) fn is_listening() -> bool {
    answers() && run(&["--quiet", "is-active", SOCKET]).is_ok()
}

/// Lets systemd read the units again.
pub(super) fn reload() {
    if answers() {
        let _ = run(&["daemon-reload"]);
    }
}

/// Listens, or starts the bridge if another user holds the port.
pub(super) fn start() -> Result<(), String> {
    // After a wrong configuration, systemd would not try again.
    let _ = run(&["reset-failed", SOCKET, SERVICE]);
    run(&["start", SOCKET]).or_else(|_| run(&["start", SERVICE])).map(drop)
}

/// Ends the bridge, and listens no more.
pub(super) fn stop() {
    if answers() {
        let _ = run(&["stop", SOCKET, SERVICE]);
    }
}

/// What to do if systemd does not know the display, on which the bridge asks its questions.
pub(super) fn missing_display() -> Option<String> {
    const NAMES: [&str; 2] = ["WAYLAND_DISPLAY", "DISPLAY"];
    let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !answers() || !NAMES.iter().any(is_set) {
        return None;
    }
    let known = run(&["show-environment"]).ok()?;
    let knows = |name: &&str| known.lines().any(|line| line.starts_with(&format!("{name}=")));
    let advice = "systemd does not know the display of this desktop, so the bridge cannot ask in a \
                  window. Let your desktop run `systemctl --user import-environment DISPLAY \
                  WAYLAND_DISPLAY XAUTHORITY` when it starts.";
    (!NAMES.iter().any(knows)).then(|| advice.to_owned())
}

/// Returns the output, or the problem in the words of systemd.
fn run(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("systemctl");
    let command = command.arg("--user").args(arguments).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("cannot run systemctl: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}

pub(super) const SOCKET: &str = "pkcs11-bridge.socket";
pub(super) const SERVICE: &str = "pkcs11-bridge.service";
