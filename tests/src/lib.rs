//! The fixtures of the end-to-end tests: real SoftHSM2 tokens, the real bridge, raw WebSockets,
//! OpenSSL as an independent verifier of signatures, and a real browser. Only two things are
//! simulated: users at dialogs, and tokens with features that SoftHSM2 lacks. A fixture panics if
//! it misses a program, and says which.

pub mod accessibility;
pub mod administrators;
pub mod approvals;
pub mod asn1;
pub mod authority;
pub mod bridge;
pub mod bridge_control;
pub mod browser;
pub mod card_reader;
pub mod compiled_module;
pub mod conformance;
pub mod demo;
pub mod desktop;
pub mod desktop_bus;
pub mod desktop_portal;
pub mod digest;
pub mod false_bridge;
pub mod handshake;
pub mod http;
pub mod irregular_certificate;
pub mod load;
pub mod openssl;
pub mod outcome;
pub mod package;
pub mod parallel_page;
pub mod params;
pub mod pinentry;
pub mod ports;
pub mod private_bus;
pub mod processes;
pub mod program;
pub mod raw_connection;
pub mod secrets;
pub mod service_manager;
pub mod site;
pub mod socket;
pub mod speed;
pub mod terminal;
pub mod test_module;
pub mod token;
pub mod wayland;
pub mod wine;

use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub fn workspace() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("this crate is in a workspace").to_owned()
}
