//! A pinentry without a person: an Assuan server that answers by a script and writes down what it was
//! asked. Where the script has nothing left it answers as if it had been cancelled, and a PIN never
//! gets into the transcript.
//!
//! Script and transcript lie in a folder, together with the symbolic link by which the program is
//! started: that is how it knows its folder, whatever environment it is given.

pub mod answer;
mod assuan;
mod conversation;
mod play;
pub mod script;
pub mod transcript;

use std::path::PathBuf;

/// The name of the link to the program in its folder.
pub const LINK: &str = "pinentry";

/// Serves whoever started this program until it says goodbye or closes its pipe.
pub fn run() {
    let link = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    let folder = link.parent().filter(|_| link.ends_with(LINK));
    let folder = folder.expect("start it by the link in a folder with a script");
    conversation::hold(folder);
}
