//! The speed benchmark. It compares the bridge with the module called directly, with p11-kit, and
//! with a WebSocket server that only echoes. All take turns in one run, because times differ from
//! run to run.

mod browser;
pub mod direct;
mod page;
mod reading;
mod resources;
mod signing;
mod statistics;
mod table;
mod testbed;
mod trace;

use std::process::Command;

pub use table::Table;
pub use testbed::{ECHO, serve_echo};

use testbed::Testbed;

/// Measures everything in a few minutes, and prints to standard error what it measures.
pub async fn run() -> Table {
    let mut table = Table::default();
    let testbed = &mut Testbed::new().await;
    table.section(announce("Signatures, logged in, key known"), signing::rows(testbed).await);
    table.section(announce("Many signatures in one call"), signing::batch_rows(testbed).await);
    table.section(announce("Where a P-256 call spends its time"), trace::rows(testbed).await);
    announce("in headless Chromium");
    for (heading, rows) in browser::sections(testbed).await {
        table.section(heading, rows);
    }
    table.section(announce("Start of a worker"), reading::first_call_rows(testbed).await);
    table.section(announce("Idle"), resources::idle_rows(testbed).await);
    table.section(announce("Calls that only read"), reading::rows(testbed).await);
    table.section(announce("Many certificates"), resources::certificate_rows(testbed).await);
    table.section(announce("Many connections"), resources::connection_rows(testbed).await);
    table
}

/// A command that starts this program again, with an argument that names its role.
fn this_program(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.arg(role);
    command
}

fn announce(heading: &str) -> &str {
    eprintln!("measuring: {heading}");
    heading
}
