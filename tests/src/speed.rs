//! How fast the bridge is: beside the module called directly, beside p11-kit, and beside a WebSocket that only
//! echoes, all in one run and in turns, because times differ from run to run.

mod batch;
mod browser;
pub mod direct;
pub mod echo;
mod figures;
mod growth;
mod idle;
mod measured;
mod p11_kit;
mod page;
mod reading;
mod signing;
mod starting;
mod table;
mod testbed;

use std::process::Command;

pub use table::Table;

use testbed::Testbed;

/// Measures everything, and says on standard error what is being measured. Takes a few minutes.
pub async fn run() -> Table {
    let mut table = Table::default();
    let testbed = &mut Testbed::new().await;
    table.part(begin("Signatures, logged in, key known"), signing::rows(testbed).await);
    table.part(begin("With the check left out"), measured::unchecked(testbed).await);
    table.part(begin("Many signatures in one call"), batch::rows(testbed).await);
    table.part(begin("Where a P-256 call spends its time"), measured::profile(testbed).await);
    for (heading, rows) in browser::parts(testbed).await {
        table.part(heading, rows);
    }
    table.part(begin("Start of a worker"), starting::rows(testbed).await);
    table.part(begin("Idle"), idle::rows(testbed).await);
    table.part(begin("Calls that only read"), reading::rows(testbed).await);
    table.part(begin("Many certificates"), growth::certificates(testbed).await);
    table.part(begin("Many connections"), growth::connections(testbed).await);
    table
}

/// This program once more, in another role.
fn this(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program's own path"));
    command.arg(role);
    command
}

fn begin(heading: &str) -> &str {
    eprintln!("measuring: {heading}");
    heading
}
