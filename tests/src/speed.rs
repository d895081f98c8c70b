//! How fast the bridge is: beside the module called directly, beside p11-kit, and beside a WebSocket that only
//! echoes, all in one run and in turns, because times differ from run to run.

mod browser;
pub mod direct;
pub mod echo;
mod figures;
mod ground;
mod p11_kit;
mod page;
mod signing;
mod table;

pub use table::Table;

use ground::Ground;

/// Measures everything. Takes a few minutes.
pub async fn run() -> Table {
    let mut table = Table::default();
    let mut ground = Ground::new().await;
    table.part("One connection, SoftHSM2, logged in, key known", signing::rows(&mut ground).await);
    for (heading, rows) in browser::parts(&mut ground).await {
        table.part(heading, rows);
    }
    table
}
