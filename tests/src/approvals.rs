//! The approvals of a test's bridge: its state file, and the command `pkcs11-bridge origins`.

use std::fs::{DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::program::{Finished, Home, Program};

/// The path of the state file in a home.
pub fn file(home: &Home) -> PathBuf {
    home.path().join("state/pkcs11-bridge/approvals.json")
}

/// Writes a state file that approves origins. Each approval expires a number of seconds from now,
/// or ago if the number is negative.
pub fn write(home: &Home, origins: &[(&str, i64)]) {
    let now = i64::try_from(now()).expect("a time of day");
    let approved = |seconds: i64| json!({ "approved": now - 1000, "expires": now + seconds });
    let origins: Map<String, Value> = origins
        .iter()
        .map(|(origin, seconds)| ((*origin).to_owned(), approved(*seconds)))
        .collect();
    let content = json!({ "version": 1, "origins": origins });
    write_text(home, content.to_string());
}

/// Replaces the state file with any text, in one step.
pub fn write_text(home: &Home, text: impl AsRef<[u8]>) {
    let file = file(home);
    // The bridge refuses what other users can write, whatever the umask of the test is.
    DirBuilder::new().recursive(true).mode(0o700).create(folder(&file)).expect("a folder");
    let unfinished = file.with_extension("unfinished");
    std::fs::write(&unfinished, text).expect("a file");
    std::fs::set_permissions(&unfinished, Permissions::from_mode(0o600)).expect("a file");
    std::fs::rename(unfinished, file).expect("a file");
}

/// Reads the state file.
pub fn read(home: &Home) -> Value {
    let text = std::fs::read(file(home)).expect("a state file");
    serde_json::from_slice(&text).expect("a state file in JSON")
}

/// The origins in the state file, in their order; empty without a file.
pub fn origins(home: &Home) -> Vec<String> {
    if !file(home).exists() {
        return Vec::new();
    }
    let content = read(home);
    content["origins"].as_object().expect("an object").keys().cloned().collect()
}

/// The copies that the bridge kept of unreadable state files, in the order of their numbers.
pub fn unreadable_files(home: &Home) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder(&file(home))) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.to_string_lossy().contains("unreadable"))
        .collect();
    found.sort();
    found
}

/// Runs `pkcs11-bridge origins …`, which may fail.
pub fn try_command(home: &Home, arguments: &[&str]) -> Finished {
    Program::start(home.command().arg("origins").args(arguments)).run_to_end()
}

/// Runs `pkcs11-bridge origins …` and returns its output. Panics if it fails.
#[track_caller]
pub fn run_command(home: &Home, arguments: &[&str]) -> String {
    let finished = try_command(home, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
    finished.stdout
}

/// The current time in seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn folder(file: &Path) -> &Path {
    file.parent().expect("the file has a folder")
}
