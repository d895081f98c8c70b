//! The load run of `make bench`, for 60 s or `LOAD_SECONDS`. It prints a table and writes
//! `target/bench/load.json`. It fails if a count that must be zero is not.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use pkcs11_bridge_tests::load::{self, Plan};
use pkcs11_bridge_tests::workspace;

#[tokio::main]
async fn main() -> ExitCode {
    let seconds = std::env::var("LOAD_SECONDS").ok();
    let seconds = seconds.map_or(60, |seconds| seconds.parse().expect("whole seconds"));
    let report = load::run(Plan::of(Duration::from_secs(seconds))).await;
    println!("{report}");
    let folder = workspace().join("target/bench");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("load.json"), format!("{:#}\n", report.to_json())).expect("a file");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
