//! The documents show the table of error codes as the code has it: the same rows in the same order.

#![allow(clippy::panic)]

use std::fs;
use std::path::Path;

use pkcs11_bridge_protocol::error_code::ErrorCode;

#[test]
fn the_error_document_has_one_row_for_each_error_code() {
    let expected: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| {
            let rpc = code.rpc_code().to_string().replace('-', "−");
            format!("| {} | {} | {rpc} | {} |", code.status(), code.code(), code.meaning())
        })
        .collect();
    assert_eq!(rows("docs/errors.md"), expected);
}

#[test]
fn the_readme_of_the_npm_package_has_one_row_for_each_error_code() {
    let expected: Vec<_> = ErrorCode::ALL
        .iter()
        .map(|code| format!("| {} | {} | {} |", code.status(), code.code(), code.meaning()))
        .collect();
    assert_eq!(rows("pkg/README.md"), expected);
}

/// The rows of the table in a document of the repository, without its two header lines.
fn rows(document: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
    let rows = text.lines().skip_while(|line| !line.starts_with("| status | code |")).skip(2);
    rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}
