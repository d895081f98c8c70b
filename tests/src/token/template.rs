//! The template that every test copies. The first test makes it in the build folder, and locks out
//! other processes and threads meanwhile. It is made again after this code changes.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::{CertifiedKey, KeyType, LABEL, MODULE, PIN, Usage, command_on, configure, initialize};
use crate::program::run;

/// The folder of the tokens.
pub(super) const TOKENS: &str = "tokens";

/// The folder of keys and certificates as files.
pub(super) const KEYS: &str = "keys";

/// The file with the id of the token's slot.
pub(super) const SLOT: &str = "slot";

/// Copies the template into an empty folder.
pub(super) fn copy_to(folder: &Path) {
    copy(&self::folder(), folder);
}

/// Makes the template if it does not exist. Returns its folder, which does not change any more.
pub(super) fn folder() -> PathBuf {
    let program = std::env::current_exe().expect("this program's own path");
    let templates = program.parent().expect("the build folder").join("token-templates");
    fs::create_dir_all(&templates).expect("a folder");
    let template = templates.join(format!("{:016x}", version()));
    if !template.exists() {
        let lock = File::create(templates.join("lock")).expect("a file");
        lock.lock().expect("a lock");
        if !template.exists() {
            let unfinished = tempfile::tempdir_in(&templates).expect("a folder");
            make(unfinished.path());
            fs::rename(unfinished.keep(), &template).expect("a folder");
        }
    }
    template
}

fn make(folder: &Path) {
    for name in [TOKENS, KEYS] {
        fs::create_dir(folder.join(name)).expect("a folder");
    }
    configure(folder);
    let slot = initialize(command_on(folder, "softhsm2-util"), LABEL);
    fs::write(folder.join(SLOT), slot.to_string()).expect("a file");
    for key_type in KeyType::ALL {
        let (name, id) = (key_type.name(), key_type.id());
        let key = CertifiedKey::generate(&folder.join(KEYS), key_type, name, Usage::Signing);
        run(command_on(folder, "softhsm2-util")
            .arg("--import")
            .arg(key.private_key())
            .args(["--token", LABEL, "--pin", PIN, "--label", name, "--id", id]));
        run(command_on(folder, "pkcs11-tool")
            .args(["--module", MODULE, "--token-label", LABEL, "--login", "--pin", PIN])
            .arg("--write-object")
            .arg(key.certificate_der())
            .args(["--type", "cert", "--label", name, "--id", id]));
    }
}

/// A number that changes with the code that makes the template.
fn version() -> u64 {
    let mut hasher = DefaultHasher::new();
    for source in
        [include_str!("template.rs"), include_str!("certified_key.rs"), include_str!("../token.rs")]
    {
        source.hash(&mut hasher);
    }
    hasher.finish()
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry of the folder");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            fs::create_dir(&target).expect("a folder");
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file");
        }
    }
}
