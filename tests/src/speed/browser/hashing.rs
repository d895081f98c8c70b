//! The client's hash of a large Blob: how fast it is, and that it takes no more memory for more bytes.

use super::native_hash::NativeHash;
use super::tab::Tab;
use crate::processes;
use crate::speed::figures::Figure;
use crate::speed::table::{Row, Target, Unit};

pub(super) async fn rows(tab: &Tab) -> Vec<Row> {
    let native = NativeHash::build();
    tab.load().await;
    let mut rows = Vec::new();
    for algorithm in ["sha256", "sha512"] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            theirs.push(native.rate(algorithm, MEGABYTES));
            ours.push(hash_rate(tab, algorithm, MEGABYTES).await);
        }
        let theirs = Figure::of(theirs);
        let least = Target::at_least(0.5 * theirs.median, "0.5 × native without SHA instructions");
        let row = Row::new(algorithm, Unit::MegabytesPerSecond, Figure::of(ours));
        rows.push(row.direct(theirs).target(least));
    }
    rows.extend(memory(tab).await);
    rows
}

async fn hash_rate(tab: &Tab, algorithm: &str, megabytes: u32) -> f64 {
    tab.number(&format!("page.hashRate(page.blob({megabytes}), '{algorithm}')")).await
}

async fn memory(tab: &Tab) -> Vec<Row> {
    let mut rows = Vec::new();
    for megabytes in [MEGABYTES / 4, MEGABYTES] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(growth(tab, megabytes).await);
        }
        let name = format!("growth of the page, {megabytes} MB hashed");
        let row = Row::new(name, Unit::Megabytes, Figure::of(rounds));
        rows.push(row.target(Target::at_most(CONSTANT, "whatever is hashed")));
    }
    let wasm = tab.number("page.wasmMemory()").await / 1e6;
    rows.push(Row::new("memory of the WebAssembly", Unit::Megabytes, Figure::of([wasm])));
    rows
}

/// How many megabytes more a fresh page's process takes at most while it hashes.
async fn growth(tab: &Tab, megabytes: u32) -> f64 {
    tab.load().await;
    // What is loaded once is no part of it.
    hash_rate(tab, "sha256", 1).await;
    let memory = |pid| processes::memory(pid).expect("it runs");
    let mut before = Vec::new();
    for renderer in tab.renderers() {
        processes::reset_peak_memory(renderer);
        before.push((renderer, memory(renderer).0));
    }
    hash_rate(tab, "sha256", megabytes).await;
    // The others do nothing.
    let grown = before.into_iter().map(|(pid, before)| memory(pid).1.saturating_sub(before));
    grown.max().expect("a page") as f64 / 1e6
}

/// A few buffers of the browser and of the client, in megabytes.
const CONSTANT: f64 = 16.0;
const ROUNDS: usize = 3;
const MEGABYTES: u32 = 256;
