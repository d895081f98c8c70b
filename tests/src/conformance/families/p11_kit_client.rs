//! p11-kit's client: a module that passes calls to `p11-kit server` on a socket, here to SoftHSM.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::private_folder::{PrivateFolder, start_daemon};
use super::softhsm_tokens;
use crate::conformance::family::{Family, Key, Missing, Token, installed, library, version_of};
use crate::program::Program;
use crate::token::{LABEL, MODULE, TestToken};

pub(super) struct P11KitClient;

impl Family for P11KitClient {
    fn name(&self) -> &'static str {
        "p11-kit-client"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["p11-kit", "p11-kit-modules", "softhsm2"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        installed(&[MODULE, "/usr/bin/p11-kit"])?;
        let module = library("pkcs11/p11-kit-client.so")?;
        let (folder, token) = (PrivateFolder::new("p11-kit-client"), TestToken::new());
        let server = serve(&folder, &token);
        Ok(Box::new(Client { module, server: Some(server), folder, token }))
    }
}

struct Client {
    module: PathBuf,
    server: Option<Program>,
    folder: PrivateFolder,
    token: TestToken,
}

fn socket(folder: &PrivateFolder) -> PathBuf {
    folder.path("server")
}

fn serve(folder: &PrivateFolder, token: &TestToken) -> Program {
    let socket = socket(folder);
    let mut command = folder.command("p11-kit");
    command.args(["server", "--foreground", "--name"]).arg(&socket);
    command.args(["--provider", MODULE, "pkcs11:"]).env("SOFTHSM2_CONF", token.configuration());
    start_daemon(&mut command, &socket)
}

impl Token for Client {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        version_of(&["p11-kit", "libsofthsm2"])
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        let address = format!("unix:path={}", socket(&self.folder).display());
        vec![("P11_KIT_SERVER_ADDRESS", address.into())]
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        // The protocol of version 0.24 does not carry the mechanism.
        let keys = softhsm_tokens::keys(&self.token).into_iter();
        keys.map(|key| key.without(&["EdDSA"])).collect()
    }

    fn restart_daemon(&mut self) -> Option<()> {
        self.server = None;
        self.server = Some(serve(&self.folder, &self.token));
        Some(())
    }
}
