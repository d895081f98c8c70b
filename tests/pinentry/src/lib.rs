//! A pinentry for tests: an Assuan server that answers by a script and records its dialogs. If
//! the script has no entry left, it answers that the user cancelled. The transcript never
//! contains a PIN.
//!
//! The script and the transcript are in one folder, together with a symbolic link to the program.
//! Tests start the program by this link, so that it finds its folder in any environment.

pub mod answer;
mod assuan;
mod conversation;
pub mod digits;
mod reply;
pub mod script;
pub mod transcript;

use std::path::PathBuf;

/// The name of the link to the program.
pub const LINK: &str = "pinentry";

/// Serves the client that started this program.
pub fn run() {
    let link = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let folder = link.parent().filter(|_| link.ends_with(LINK));
    let folder = folder.expect("the program is started by the link in a script's folder");
    conversation::run(folder);
}
