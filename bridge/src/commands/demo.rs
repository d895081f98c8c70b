//! The demo: a playground page and a bridge with a throw-away SoftHSM2 token. It never touches the
//! user's own tokens or configuration. When it ends, it removes everything that it created.

mod page;
mod softhsm;
mod token;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use tempfile::TempDir;

use crate::access::approvals::StateFile;
use crate::cli::DemoArgs;
use crate::config::Settings;
use crate::confinement::Confinement;
use crate::modules::{BadModuleName, Module};
use crate::process::program;
use crate::process::stop_signal::StopSignal;
use crate::server::{ServeError, Server};
use page::PageServer;
pub(crate) use token::{TokenError, make as make_token};

#[derive(Debug, thiserror::Error)]
pub(crate) enum DemoError {
    #[error(
        "the demo needs SoftHSM2, a PKCS#11 token in software, but did not find it. {}",
        softhsm::how_to_install()
    )]
    NoSoftHsm,
    #[error("this build has no npm client; run `make demo`, or `make pkg` and build again")]
    NoClient,
    #[error("cannot create the folder of the demo token: {0}")]
    Folder(io::Error),
    #[error("cannot create the demo token{0}")]
    TokenProcess(String),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("cannot serve the page: {0}")]
    Page(io::Error),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error("the settings of the demo are wrong: {0}")]
    Module(#[from] BadModuleName),
}

/// Runs the demo until a signal stops it.
pub(crate) async fn run(args: DemoArgs) -> Result<(), DemoError> {
    let stop = StopSignal::listen().map_err(DemoError::Page)?.token();
    let library = softhsm::find().ok_or(DemoError::NoSoftHsm)?;
    if !page::has_client() {
        return Err(DemoError::NoClient);
    }
    print("Creating a throw-away token with RSA and EC keys …");
    let folder = TempDir::with_prefix("pkcs11-bridge-demo-").map_err(DemoError::Folder)?;
    let env = softhsm::configure(folder.path()).map_err(DemoError::Folder)?;
    tokio::select! {
        made = make_token_in_process(&library, &env) => made?,
        () = stop.cancelled() => return Ok(()),
    }

    let page = PageServer::bind().await.map_err(DemoError::Page)?;
    let module = Module {
        name: "softhsm".parse()?,
        path: library,
        description: "SoftHSM2 with the throw-away token of this demo".to_owned(),
        env,
        confinement: Confinement::default(),
        init_args: None,
    };
    let approvals = StateFile::at(folder.path().join("state/approvals.json"));
    let bridge = Server::bind(Settings::for_module(module, approvals), None).await?;
    let address = page.origin();
    let page = page.serve(bridge.address().port(), bridge.key_fingerprint(), stop.clone());

    print(&format!(
        "\n  Page   {address}/\n  PIN    {}\n  Bridge ws://{}\n\nThe bridge asks you, on the \
         desktop or here, whether the page may use tokens, and for the PIN.\nCtrl-C ends the demo \
         and removes everything that it created.",
        token::PIN,
        bridge.address()
    ));
    if !args.no_open && opener::open_browser(format!("{address}/")).is_err() {
        print("Cannot open a browser. Open the page yourself.");
    }
    let (page, ()) = tokio::join!(page, bridge.run(stop));
    page.map_err(DemoError::Page)?;
    folder.close().map_err(DemoError::Folder)?;
    print("The demo has ended and removed its token.");
    Ok(())
}

/// Creates the token in a process of its own, because the bridge never loads a module into the
/// process that serves pages.
async fn make_token_in_process(
    library: &Path,
    env: &BTreeMap<String, String>,
) -> Result<(), DemoError> {
    let mut command = program::this().map_err(DemoError::Folder)?;
    command.arg("demo-token").arg("--module").arg(library).envs(env);
    command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = command.output().await.map_err(DemoError::Folder)?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    Err(DemoError::TokenProcess(format!(": {}", errors.trim())))
}

fn print(text: &str) {
    // The demo continues even if its standard output is closed.
    let _ = writeln!(io::stdout(), "{text}");
}
