//! p11-kit's proxy: one module that loads others, here SoftHSM, as configured.

use std::ffi::OsString;
use std::path::Path;

use super::private_folder::PrivateFolder;
use super::softhsm_tokens;
use crate::conformance::family::{Family, Key, Missing, Token, installed, library, version_of};
use crate::token::{LABEL, MODULE, TestToken};

pub(super) struct P11KitProxy;

impl Family for P11KitProxy {
    fn name(&self) -> &'static str {
        "p11-kit-proxy"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["p11-kit", "p11-kit-modules", "softhsm2"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        installed(&[MODULE])?;
        let (module, folder) = (library("p11-kit-proxy.so")?, PrivateFolder::new("p11-kit-proxy"));
        folder.folder("pkcs11/modules");
        folder.write("pkcs11/pkcs11.conf", "user-config: only\n");
        folder.write("pkcs11/modules/softhsm.module", &format!("module: {MODULE}\n"));
        Ok(Box::new(Proxy { module, folder, token: TestToken::new() }))
    }
}

struct Proxy {
    module: std::path::PathBuf,
    folder: PrivateFolder,
    token: TestToken,
}

impl Token for Proxy {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        version_of(&["p11-kit-modules", "libsofthsm2"])
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("XDG_CONFIG_HOME", self.folder.path("").into()),
            ("SOFTHSM2_CONF", self.token.configuration().into()),
        ]
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        softhsm_tokens::keys(&self.token)
    }
}
