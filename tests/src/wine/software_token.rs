//! The folder of the token in software, whose module runs on every system.

use std::path::Path;

use pkcs11_bridge_test_rules::software_token::{FOLDER, Key, Kind, SoftwareToken};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::digest::{base64, digest};
use crate::params::MESSAGE;
use crate::program::{run, tool};
use crate::secrets;
use crate::token::{CertifiedKey, KeyType, PIN, Usage};
use crate::wine::{built, windows_path};

/// The name of the module in [`TestSoftwareToken::configuration`].
pub const NAME: &str = "software";

/// The only slot of the module.
pub const SLOT: u64 = 7;

/// The file of the module.
pub const MODULE: &str = "pkcs11_bridge_test_software_token.dll";

/// A token with an RSA key and one on P-256. Its PIN is [`PIN`].
pub struct TestSoftwareToken {
    folder: TempDir,
}

impl TestSoftwareToken {
    /// A new token.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("pkcs11-bridge-test-software-token-")
            .tempdir()
            .expect("a folder");
        secrets::register(PIN);
        let key = |kind, key_type: KeyType| {
            let name = key_type.name();
            let files = CertifiedKey::generate(folder.path(), key_type, name, Usage::Signing);
            let pkcs8 = folder.path().join(name).with_extension("p8");
            run(tool("openssl")
                .args(["pkcs8", "-topk8", "-nocrypt", "-outform", "DER", "-in"])
                .arg(files.private_key())
                .arg("-out")
                .arg(&pkcs8));
            let file = |path: &Path| path.file_name().expect("a file").into();
            Key {
                id: key_type.id().to_owned(),
                label: name.to_owned(),
                kind,
                key: file(&pkcs8),
                certificate: file(&files.certificate_der()),
            }
        };
        let keys = vec![key(Kind::Rsa, KeyType::Rsa2048), key(Kind::P256, KeyType::P256)];
        let token = SoftwareToken { label: "Software".to_owned(), pin: PIN.to_owned(), keys };
        token.write(folder.path()).expect("a file");
        Self { folder }
    }

    /// The environment of its module.
    pub fn environment(&self) -> (&'static str, String) {
        (FOLDER, windows_path(self.folder.path()))
    }

    /// The entry for the bridge's `config.toml`.
    pub fn configuration(&self) -> String {
        let (name, folder) = self.environment();
        format!(
            "[[modules]]\nname = \"{NAME}\"\npath = {}\nenv = {{ {name} = {} }}\n",
            json!(windows_path(&built(MODULE))),
            json!(folder),
        )
    }
}

impl Default for TestSoftwareToken {
    fn default() -> Self {
        Self::new()
    }
}

/// The parameters of `signData`, with the PIN.
pub fn sign_data(key: KeyType, algorithm: &str) -> Value {
    json!({
        "slot_id": SLOT,
        "cert_id": key.id(),
        "algorithm_reference": algorithm,
        "data": base64(&digest(algorithm, MESSAGE)),
        "pin": PIN,
    })
}
