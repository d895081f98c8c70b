//! What the end-to-end tests stand on: real SoftHSM2 tokens, the real bridge, a raw WebSocket, an
//! independent judge of signatures, and a real browser. Nothing here imitates what it tests; a person at
//! a dialog, and cards that SoftHSM2 is not, are played. A fixture that cannot be had panics and says
//! what is missing.

pub mod approvals;
pub mod bridge;
pub mod bridge_control;
pub mod browser;
pub mod demo;
pub mod desktop;
pub mod digest;
pub mod handshake;
pub mod http;
pub mod load;
pub mod openssl;
pub mod outcome;
pub mod package;
pub mod parallel_page;
pub mod params;
pub mod pinentry;
pub mod ports;
pub mod processes;
pub mod program;
pub mod raw_connection;
pub mod secrets;
pub mod site;
pub mod socket;
pub mod speed;
pub mod terminal;
pub mod test_module;
pub mod token;

use std::path::{Path, PathBuf};

/// The folder of the whole workspace.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this crate stands in a workspace").to_owned()
}
