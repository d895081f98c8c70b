//! NSS's softokn, on a database such as those of Firefox and Thunderbird.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::private_folder::PrivateFolder;
use crate::conformance::family::{Family, Key, Missing, Token, installed, library, version_of};
use crate::program::run;
use crate::token::{KeyType, PIN, TestToken};

pub(super) struct Nss;

impl Family for Nss {
    fn name(&self) -> &'static str {
        "nss"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["libnss3", "libnss3-tools"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        installed(&["/usr/bin/certutil", "/usr/bin/pk12util"])?;
        let module = library("libsoftokn3.so")?;
        let token = Database { module, folder: PrivateFolder::new("nss"), files: TestToken::new() };
        token.fill();
        Ok(Box::new(token))
    }
}

struct Database {
    module: PathBuf,
    folder: PrivateFolder,
    files: TestToken,
}

impl Database {
    fn configdir(&self) -> String {
        format!("sql:{}", self.folder.folder(".pki/nssdb").display())
    }

    fn fill(&self) {
        let pin = self.folder.write("pin", PIN);
        let command = |program: &str, arguments: &[&str]| {
            let mut command = self.folder.command(program);
            command.arg("-d").arg(self.configdir()).args(arguments);
            command
        };
        run(command("certutil", &["-N", "-f"]).arg(&pin));
        for key_type in KEYS {
            let key = self.files.certified_key(key_type);
            let file = self.folder.path("key.p12");
            let mut export = self.folder.command("openssl");
            export.args(["pkcs12", "-export", "-passout", "pass:", "-name", key_type.name()]);
            export.arg("-inkey").arg(key.private_key()).arg("-in").arg(key.certificate());
            run(export.arg("-out").arg(&file));
            run(command("pk12util", &["-W", "", "-i"]).arg(&file).arg("-k").arg(&pin));
        }
    }
}

impl Token for Database {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        version_of(&["libnss3"])
    }

    fn detected_as(&self) -> Option<&'static str> {
        Some("nss-chrome")
    }

    fn detection(&self) -> &'static str {
        "detect_modules = true\ndetect_nss_databases = true\n"
    }

    /// Its database is where Chrome's is.
    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![("HOME", self.folder.path("").into())]
    }

    fn settings(&self) -> String {
        format!("init_args = \"configdir='{}'\"\n", self.configdir())
    }

    fn label(&self) -> String {
        "NSS Certificate DB".to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        KEYS.map(|key_type| Key::of(&self.files.certified_key(key_type), key_type)).to_vec()
    }
}

const KEYS: [KeyType; 5] =
    [KeyType::P256, KeyType::Rsa2048, KeyType::Rsa3072, KeyType::P384, KeyType::P521];
