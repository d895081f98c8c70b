//! caml-crush: a module that passes calls to `pkcs11proxyd`, which filters them, here for SoftHSM.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::private_folder::{PrivateFolder, start_daemon};
use super::softhsm_tokens;
use crate::conformance::family::{Family, Key, Missing, Token, installed, library, version_of};
use crate::program::Program;
use crate::token::{LABEL, MODULE, TestToken};

pub(super) struct CamlCrush;

impl Family for CamlCrush {
    fn name(&self) -> &'static str {
        "caml-crush"
    }

    fn packages(&self) -> &'static [&'static str] {
        &["caml-crush-server", "caml-crush-clients", "softhsm2"]
    }

    fn start(&self) -> Result<Box<dyn Token>, Missing> {
        installed(&[MODULE, "/usr/bin/pkcs11proxyd"])?;
        let module = library("caml-crush/libp11clientunix.so")?;
        let (folder, token) = (PrivateFolder::new("caml-crush"), TestToken::new());
        let daemon = serve(&folder, &token);
        Ok(Box::new(Client { module, daemon: Some(daemon), folder, token }))
    }
}

struct Client {
    module: PathBuf,
    daemon: Option<Program>,
    folder: PrivateFolder,
    token: TestToken,
}

fn socket(folder: &PrivateFolder) -> PathBuf {
    folder.path("daemon")
}

fn serve(folder: &PrivateFolder, token: &TestToken) -> Program {
    let socket = socket(folder);
    let filter = format!("debug = 0\nmodules = [(\"{ALIAS}\", \"{MODULE}\")]\n");
    let filter = folder.write("filter.conf", &filter);
    let configuration = CONFIGURATION
        .replace("{netplex}", &folder.path("netplex").display().to_string())
        .replace("{socket}", &socket.display().to_string())
        .replace("{filter}", &filter.display().to_string());
    let configuration = folder.write("daemon.conf", &configuration);
    let mut command = folder.command("pkcs11proxyd");
    command.args(["-fg", "-conf"]).arg(configuration).env("SOFTHSM2_CONF", token.configuration());
    start_daemon(&mut command, &socket)
}

impl Token for Client {
    fn module(&self) -> &Path {
        &self.module
    }

    fn version(&self) -> String {
        version_of(&["caml-crush-clients", "libsofthsm2"])
    }

    fn environment(&self) -> Vec<(&'static str, OsString)> {
        vec![
            ("PKCS11PROXY_LIBNAME", ALIAS.into()),
            ("PKCS11PROXY_SOCKET_PATH", socket(&self.folder).into()),
        ]
    }

    fn label(&self) -> String {
        LABEL.to_owned()
    }

    fn keys(&self) -> Vec<Key> {
        softhsm_tokens::keys(&self.token)
    }

    fn restart_daemon(&mut self) -> Option<()> {
        self.daemon = None;
        self.daemon = Some(serve(&self.folder, &self.token));
        Some(())
    }
}

/// The name by which the client asks the daemon for SoftHSM.
const ALIAS: &str = "softhsm";

const CONFIGURATION: &str = r#"netplex {
  controller {
    max_level = "warning";
    socket_directory = "{netplex}";
    logging { type = "stderr"; };
  };
  service {
    name = "PKCS#11 Filtering Proxy";
    conn_limit = 1;
    protocol {
      name = "rpc_pkcs11";
      local_chmod = "0o600";
      address { type = "local"; path = "{socket}"; };
    };
    processor {
      type = "rpc_pkcs11";
      filter_config = "{filter}";
      use_ssl = false;
    };
    workload_manager {
      type = "dynamic";
      max_jobs_per_thread = 1;
      min_free_jobs_capacity = 1;
      max_free_jobs_capacity = 1;
      max_threads = 100;
    };
  };
}
"#;
