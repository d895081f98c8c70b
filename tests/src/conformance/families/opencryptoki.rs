//! openCryptoki's software token. Its daemon and its store belong to the whole machine, so it runs
//! only as root, once at a time, and only if no token is in the store.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::private_folder::{PrivateFolder, start_answering};
use super::written_keys;
use crate::conformance::family::{Family, Key, Missing, Token, installed, library, version_of};
use crate::program::{Program, run};
use crate::token::{KeyType, LABEL, PIN, SO_PIN, TestToken};

pub(super) struct OpenCryptoki;

impl Family for OpenCryptoki {
    fn name(&self) -> &'static str {
        "opencryptoki"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["opencryptoki", "opensc"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        installed(&[DAEMON, STORE])?;
        let module = library("pkcs11/libopencryptoki.so")?;
        if !rustix::process::geteuid().is_root() {
            return Err(Missing("its daemon needs root".to_owned()));
        }
        let store = Store::reserve()?;
        let folder = PrivateFolder::new("opencryptoki");
        let daemon = start(&folder, &module);
        let token =
            SoftToken { module, daemon: Some(daemon), store, folder, files: TestToken::new() };
        token.fill();
        Ok(Box::new(token))
    }
}

/// The daemon ends before the store is emptied.
struct SoftToken {
    module: PathBuf,
    daemon: Option<Program>,
    #[expect(dead_code, reason = "dropping it removes the token")]
    store: Store,
    folder: PrivateFolder,
    files: TestToken,
}

/// The machine's store, which was empty. Dropping it removes what came since.
struct Store {
    before: BTreeSet<PathBuf>,
    _lock: File,
}

impl Store {
    fn reserve() -> Result<Self, Missing> {
        let lock = std::env::temp_dir().join("pkcs11-bridge-test-opencryptoki.lock");
        let lock = File::options().create(true).append(true).open(lock).expect("a file");
        lock.lock().expect("a lock");
        if Path::new(STORE).join("swtok/NVTOK.DAT").exists() {
            return Err(Missing(format!("a token is in {STORE}")));
        }
        Ok(Self { before: everything(), _lock: lock })
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The longest paths first: the content of a folder before the folder.
        for path in everything().iter().rev().filter(|path| !self.before.contains(*path)) {
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}

/// All files and folders that openCryptoki writes.
fn everything() -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    collect(Path::new(STORE), &mut found);
    collect(Path::new("/run/lock/opencryptoki"), &mut found);
    let shared = fs::read_dir("/dev/shm").into_iter().flatten().flatten().map(|entry| entry.path());
    let is_own = |path: &PathBuf| path.to_string_lossy().contains("/var.lib.opencryptoki.");
    found.extend(shared.filter(is_own));
    found
}

fn collect(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&entry.path(), found);
        }
        found.insert(entry.path());
    }
}

fn start(folder: &PrivateFolder, module: &Path) -> Program {
    start_answering(folder.command(DAEMON).arg("-f"), || {
        let mut command = pkcs11_tool(folder, module);
        command.arg("--list-slots");
        command
    })
}

fn pkcs11_tool(folder: &PrivateFolder, module: &Path) -> Command {
    let mut command = folder.command("pkcs11-tool");
    command.arg("--module").arg(module);
    command
}

impl SoftToken {
    /// Makes the token with its keys. A new token wants both PINs changed.
    fn fill(&self) {
        let on_slot = || {
            let mut command = pkcs11_tool(&self.folder, &self.module);
            command.args(["--slot", SLOT]);
            command
        };
        run(on_slot().args(["--init-token", "--label", LABEL, "--so-pin", FIRST_SO_PIN]));
        let officer = |pin| ["--login", "--login-type", "so", "--so-pin", pin];
        run(on_slot().args(officer(FIRST_SO_PIN)).args(["--change-pin", "--new-pin", SO_PIN]));
        run(on_slot().args(officer(SO_PIN)).args(["--init-pin", "--pin", FIRST_PIN]));
        run(on_slot().args(["--login", "--pin", FIRST_PIN, "--change-pin", "--new-pin", PIN]));
        let keys = KEYS.map(|key_type| (self.files.certified_key(key_type), key_type));
        written_keys::write(on_slot, &keys);
    }
}

impl Token for SoftToken {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        version_of(&["opencryptoki"])
    }

    fn detected_as(&self) -> Option<&'static str> {
        Some("opencryptoki")
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        KEYS.map(|key_type| Key::of(&self.files.certified_key(key_type), key_type)).to_vec()
    }

    fn restart_daemon(&mut self) -> Option<()> {
        self.daemon = None;
        self.daemon = Some(start(&self.folder, &self.module));
        Some(())
    }
}

/// Version 3.8 does not sign with other keys.
const KEYS: [KeyType; 2] = [KeyType::Rsa2048, KeyType::Rsa3072];

/// The slot of the software token in the configuration that Debian installs.
const SLOT: &str = "3";

/// The PIN of the security officer on a new token.
const FIRST_SO_PIN: &str = "87654321";

/// The first PIN of the user, which the user has to change.
const FIRST_PIN: &str = "12345678";

const DAEMON: &str = "/usr/sbin/pkcsslotd";

const STORE: &str = "/var/lib/opencryptoki";
