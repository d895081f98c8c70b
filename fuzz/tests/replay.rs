//! Runs each fuzz target on its corpus, and on the inputs that once crashed it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The targets count the memory of the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn targets_accept_their_corpus() {
    let with_inputs = replay("corpus");
    assert_eq!(with_inputs, targets(), "each target has inputs");
}

#[test]
fn fixed_crashes_stay_fixed() {
    replay("regressions");
}

#[test]
fn each_target_has_a_program() {
    let named = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().replace('_', "-");
    let programs: BTreeSet<_> = entries("fuzz_targets").into_iter().map(named).collect();
    assert_eq!(programs, targets());
}

/// Runs the targets on the inputs in the folder, and returns the targets that have inputs.
fn replay(folder: &str) -> BTreeSet<String> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut read = BTreeSet::new();
    for folder in entries(folder) {
        let target = folder.file_name().unwrap().to_str().unwrap();
        for input in entries(&folder) {
            println!("{}", input.display());
            pkcs11_bridge_fuzz::check(target, &fs::read(input).unwrap());
            read.insert(target.to_owned());
        }
    }
    read
}

fn targets() -> BTreeSet<String> {
    pkcs11_bridge_fuzz::targets().map(str::to_owned).collect()
}

fn entries(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).unwrap();
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
