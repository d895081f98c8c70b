//! `make conformance`: runs the script of checks on all families of modules, and prints the table.
//! Arguments name the families to run instead of all.

use std::process::ExitCode;

use pkcs11_bridge_tests::conformance::{self, FAMILIES, Report};

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let mut rows = Vec::new();
    for family in FAMILIES {
        if names.is_empty() || names.iter().any(|name| name == family.name()) {
            eprintln!("conformance: {}", family.name());
            rows.push(conformance::run(*family).await);
        }
    }
    let report = Report::of(rows);
    println!("{report}");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
