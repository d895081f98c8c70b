//! `make conformance`: runs the script of checks on all families of modules, and prints the table.
//! Arguments name the families to run instead of all.

use std::process::ExitCode;

use pkcs11_bridge_tests::conformance::{self, FAMILIES, Family, Report, find};

#[tokio::main]
async fn main() -> ExitCode {
    let named: Vec<&dyn Family> = std::env::args().skip(1).map(|name| find(&name)).collect();
    let mut rows = Vec::new();
    for family in if named.is_empty() { FAMILIES.to_vec() } else { named } {
        eprintln!("conformance: {}", family.name());
        rows.push(conformance::run(family).await);
    }
    let report = Report::of(rows);
    println!("{report}");
    if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
