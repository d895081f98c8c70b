//! The speed benchmark of `make bench`. It prints a table and writes `target/bench/speed.json`. A
//! target that is not met does not fail the run.

use std::fs;

use pkcs11_bridge_tests::speed::{self, direct};
use pkcs11_bridge_tests::workspace;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [direct::DIRECT, module] => return direct::serve(module),
        [direct::COLD, module] => return direct::serve_cold(module),
        [speed::ECHO] => return speed::serve_echo().await,
        _ => {}
    }
    let table = speed::run().await;
    println!("{table}");
    let folder = workspace().join("target/bench");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("speed.json"), format!("{:#}\n", table.to_json())).expect("a file");
}
