//! kryoptic, a token in software with ML-DSA. `make conformance` builds it with an OpenSSL of its
//! own, in `tests/kryoptic`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::private_folder::PrivateFolder;
use super::written_keys;
use crate::conformance::family::{Family, Key, Missing, Token};
use crate::program::run;
use crate::token::{KeyType, LABEL, PIN, SO_PIN, TestToken};
use crate::workspace;

pub(super) struct Kryoptic;

impl Family for Kryoptic {
    fn name(&self) -> &'static str {
        "kryoptic"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["libclang-dev", "opensc"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        let Some(build) = std::env::var_os("PKCS11_BRIDGE_KRYOPTIC") else {
            return Err(Missing("only `make conformance` builds it".to_owned()));
        };
        let (build, folder) = (PathBuf::from(build), PrivateFolder::new("kryoptic"));
        let module = build.join("libkryoptic.so");
        let token = SqlToken { module, build, folder, files: TestToken::new() };
        token.fill();
        Ok(Box::new(token))
    }
}

struct SqlToken {
    module: PathBuf,
    /// The folder of the module and of the program `ml-dsa`.
    build: PathBuf,
    folder: PrivateFolder,
    files: TestToken,
}

impl SqlToken {
    fn fill(&self) {
        let slots = format!(
            "[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
            self.folder.path("token.sql").display()
        );
        self.folder.write("kryoptic.conf", &slots);
        let command = |program: PathBuf| {
            let mut command = self.folder.command(program);
            command.env("KRYOPTIC_CONF", self.folder.path("kryoptic.conf"));
            command
        };
        let pkcs11_tool = || {
            let mut command = command("pkcs11-tool".into());
            command.arg("--module").arg(&self.module);
            command
        };
        run(pkcs11_tool()
            .args(["--init-token", "--slot", "1", "--label", LABEL])
            .args(["--so-pin", SO_PIN]));
        let officer = ["--login", "--login-type", "so", "--so-pin", SO_PIN];
        run(pkcs11_tool().args(officer).args(["--init-pin", "--pin", PIN]));
        let keys = KEYS.map(|key_type| (self.files.certified_key(key_type), key_type));
        written_keys::write(pkcs11_tool, &keys);
        for name in ML_DSA {
            let file = self.folder.path(&format!("{name}.der"));
            let mut make = command(self.build.join("ml-dsa"));
            run(make.args(["make", name, PIN]).arg(&self.module).arg(file));
        }
    }

    fn ml_dsa(&self, name: &'static str) -> Key {
        let certificate = self.folder.path(&format!("{name}.der"));
        Key {
            name: name.to_owned(),
            der: std::fs::read(&certificate).expect("a certificate"),
            certificate,
            algorithms: vec![name],
            is_ecdsa: false,
            verifier: Some(self.build.join("ml-dsa")),
        }
    }
}

impl Token for SqlToken {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        let lock = std::fs::read_to_string(workspace().join("tests/kryoptic/Cargo.lock"));
        let lock = lock.expect("the lock file");
        let version = |package: &str| {
            let (_, after) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
            Some(format!("{package} {}", after.split('"').next()?))
        };
        ["kryoptic-lib", "openssl-src"]
            .into_iter()
            .filter_map(version)
            .collect::<Vec<_>>()
            .join(", ")
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![("KRYOPTIC_CONF", self.folder.path("kryoptic.conf").into())]
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        let keys = KEYS.map(|key_type| Key::of(&self.files.certified_key(key_type), key_type));
        keys.into_iter().chain(ML_DSA.map(|name| self.ml_dsa(name))).collect()
    }
}

const KEYS: [KeyType; 4] = [KeyType::P256, KeyType::Rsa2048, KeyType::P384, KeyType::P521];

const ML_DSA: [&str; 3] = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];
