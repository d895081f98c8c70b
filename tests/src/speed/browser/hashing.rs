//! The client's `hash` of a large Blob: its speed, and its memory, which must not grow with the
//! Blob. The reference is a native program with the same hash function and no SHA instructions,
//! because WebAssembly has none either.

use std::path::PathBuf;
use std::process::Command;

use super::Tab;
use crate::program::run;
use crate::speed::statistics::Summary;
use crate::speed::table::{Row, Target, Unit};
use crate::{processes, workspace};

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
        let theirs = Summary::of(theirs);
        let least = Target::at_least(0.5 * theirs.median, "0.5 × native without SHA instructions");
        let row = Row::new(algorithm, Unit::MegabytesPerSecond, Summary::of(ours));
        rows.push(row.direct(theirs).target(least));
    }
    rows.extend(memory_rows(tab).await);
    rows
}

async fn hash_rate(tab: &Tab, algorithm: &str, megabytes: u32) -> f64 {
    tab.number(&format!("page.hashRate(page.blob({megabytes}), '{algorithm}')")).await
}

async fn memory_rows(tab: &Tab) -> Vec<Row> {
    let mut rows = Vec::new();
    for megabytes in [MEGABYTES / 4, MEGABYTES] {
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            rounds.push(memory_growth(tab, megabytes).await);
        }
        let name = format!("growth of the page, {megabytes} MB hashed");
        let row = Row::new(name, Unit::Megabytes, Summary::of(rounds));
        rows.push(row.target(Target::at_most(MAX_GROWTH, "whatever is hashed")));
    }
    let wasm = tab.number("page.wasmMemory()").await / 1e6;
    rows.push(Row::new("memory of the WebAssembly", Unit::Megabytes, Summary::of([wasm])));
    rows
}

/// How far the memory of a fresh page's process grows while it hashes, in megabytes.
async fn memory_growth(tab: &Tab, megabytes: u32) -> f64 {
    tab.load().await;
    // The first hash loads the client, which must not count.
    hash_rate(tab, "sha256", 1).await;
    let memory = |pid| processes::memory(pid).expect("the process runs");
    let mut before = Vec::new();
    for renderer in tab.browser.renderers() {
        processes::reset_peak_memory(renderer);
        before.push((renderer, memory(renderer).0));
    }
    hash_rate(tab, "sha256", megabytes).await;
    // The browser's other renderers are idle, so that the page's process is the one that grew most.
    let growth = before.into_iter().map(|(pid, before)| memory(pid).1.saturating_sub(before));
    growth.max().expect("a page") as f64 / 1e6
}

/// The program of the folder `native-hash`.
struct NativeHash(PathBuf);

impl NativeHash {
    /// Builds it in a target folder of its own, because all other programs use
    /// the SHA instructions.
    fn build() -> Self {
        let program = escargot::CargoBuild::new()
            .manifest_path(workspace().join("Cargo.toml"))
            .package(PACKAGE)
            .bin(PACKAGE)
            .release()
            .target_dir(workspace().join("target/soft"))
            .env_remove("CARGO_ENCODED_RUSTFLAGS")
            .env("RUSTFLAGS", r#"--cfg sha2_backend="soft""#)
            .run()
            .expect("a build; `cargo build -p pkcs11-bridge-test-native-hash` shows its errors");
        Self(program.path().to_owned())
    }

    /// Hashes in megabytes per second.
    fn rate(&self, algorithm: &str, megabytes: u32) -> f64 {
        let rate = run(Command::new(&self.0).arg(algorithm).arg(megabytes.to_string()));
        rate.trim().parse().expect("a rate")
    }
}

const PACKAGE: &str = "pkcs11-bridge-test-native-hash";

/// A few buffers of the browser and of the client, in megabytes.
const MAX_GROWTH: f64 = 16.0;
const ROUNDS: usize = 3;
const MEGABYTES: u32 = 256;
