//! What each example runs on: a token, a user at the dialogs, a bridge, and a copy of the example.

use std::path::{Path, PathBuf};
use std::process::Command;

use pkcs11_bridge_tests::bridge::{Bridge, SOFTHSM, Setup};
use pkcs11_bridge_tests::digest::{digest, from_base64};
use pkcs11_bridge_tests::package::PackedPackage;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::program::run;
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, MODULE, PIN, TestToken};
use pkcs11_bridge_tests::{openssl, workspace};
use tempfile::TempDir;

/// A bridge that no site may use yet, and a user who will allow one and enter the PIN once.
pub struct Testbed {
    pub token: TestToken,
    pub pinentry: Pinentry,
    pub bridge: Bridge,
}

impl Testbed {
    pub fn start() -> Self {
        Self::on(TestToken::new())
    }

    pub fn on(token: TestToken) -> Self {
        let pinentry = Pinentry::new();
        let bridge = Setup::new().token(&token).module(SOFTHSM, MODULE).pinentry(&pinentry).start();
        pinentry.answer(Answer::allow());
        pinentry.answer(Answer::pin(PIN));
        Self { token, pinentry, bridge }
    }

    /// The port of the bridge.
    pub fn port(&self) -> u16 {
        self.bridge.address().port()
    }

    /// The key of the token with that label.
    fn certified_key(&self, label: &str) -> (KeyType, CertifiedKey) {
        let key_type = KeyType::ALL.into_iter().find(|key_type| key_type.name() == label);
        let key_type = key_type.unwrap_or_else(|| panic!("no key has the label {label}"));
        (key_type, self.token.certified_key(key_type))
    }

    /// Asserts that a signature over the SHA-256 hash of a message is that of a key.
    pub fn assert_signed(&self, label: &str, message: &[u8], signature: &str) {
        let (key_type, key) = self.certified_key(label);
        let mut signature = from_base64(signature);
        if !key_type.is_rsa() {
            signature = openssl::der_of_raw_ecdsa(&signature);
        }
        let hash = digest("sha256", message);
        assert!(openssl::verifies(&key.certificate(), "sha256", &hash, &signature), "{label}");
    }
}

/// A copy of an example beside a copy of the npm package, as in the repository.
pub struct Copied {
    root: TempDir,
    name: &'static str,
}

impl Copied {
    /// Copies the example's files, and installs what its lock file names.
    pub fn installed(name: &'static str) -> Self {
        let root = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-example-")
            .tempdir()
            .expect("a folder");
        let copied = Self { root, name };
        let package = PackedPackage::new();
        copy(&package.folder(), &copied.root.path().join("pkg"));
        copy(&workspace().join("examples").join(name), &copied.folder());
        copied.npm(&["ci", "--no-audit", "--no-fund", "--prefer-offline"]);
        copied
    }

    /// The folder of the copy.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("examples").join(self.name)
    }

    /// Runs npm in the copy, with the user's settings: they may name a proxy or a registry.
    pub fn npm(&self, arguments: &[&str]) -> String {
        run(Command::new("npm").args(arguments).current_dir(self.folder()))
    }
}

/// Copies a folder without what a developer has installed or built in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry of the folder").path();
        let target = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true if path.ends_with("node_modules") => {}
            true => copy(&path, &target),
            false => drop(std::fs::copy(&path, &target).expect("a file")),
        }
    }
}
