//! Every input of the corpus, and every one that once brought a reader down, is read again.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Memory is counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn the_corpus_holds() {
    let with_inputs = replay("corpus");
    assert_eq!(with_inputs, targets(), "each target has inputs");
}

#[test]
fn what_was_mended_stays_so() {
    replay("crashes-mended");
}

#[test]
fn each_target_has_its_program() {
    let named = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().replace('_', "-");
    let programs: BTreeSet<_> = inside("fuzz_targets").into_iter().map(named).collect();
    assert_eq!(programs, targets());
}

/// Gives the targets that have inputs in the folder.
fn replay(folder: &str) -> BTreeSet<String> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut read = BTreeSet::new();
    for folder in inside(folder) {
        let target = folder.file_name().unwrap().to_str().unwrap();
        for input in inside(&folder) {
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

fn inside(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(folder).unwrap();
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    entries
}
