//! `pkcs11-bridge serve`: the bridge itself. Starts it once for each user.

use std::io::Write;

use pkcs11_bridge_dialog::texts::Texts;

use super::{CannotStart, block_on};
use crate::access::approvals::StateFile;
use crate::cli::{Command, ServeArgs};
use crate::config::{ConfigError, Listen, Settings};
use crate::instance::{Instance, InstanceError, Running, StartedBy};
use crate::process::log_file::LogFile;
use crate::process::stop_signal::StopSignal;
use crate::server::{ForeignPort, PassedSockets, ServeError, Server};
use crate::{installation, notification};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeFailure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Server(#[from] ServeError),
    #[error(transparent)]
    Instance(#[from] InstanceError),
    #[error(
        "systemd listens for the bridge of this user, and starts it when a page connects; to run \
         another one here, choose its port with --listen, or first run `systemctl --user stop \
         pkcs11-bridge.socket`"
    )]
    ServiceManagerListens,
    #[error(transparent)]
    Start(#[from] CannotStart),
}

/// The file for the log of a bridge in the background.
pub(super) fn log_file(command: &Command) -> Option<LogFile> {
    match command {
        Command::Serve(args) if args.background => {
            state_file(args).and_then(|file| LogFile::beside(&file))
        }
        _ => None,
    }
}

fn state_file(args: &ServeArgs) -> Option<StateFile> {
    args.state_file.clone().map(StateFile::at).or_else(StateFile::in_home)
}

pub(super) fn run(args: ServeArgs) -> Result<(), ServeFailure> {
    let passed = PassedSockets::take()?;
    block_on(serve(args, passed))?
}

async fn serve(args: ServeArgs, passed: Option<PassedSockets>) -> Result<(), ServeFailure> {
    let started_by = StartedBy::of_this_process(passed.is_some(), args.background);
    let log = args.background.then(|| state_file(&args).map(|file| LogFile::path(&file)));
    let settings = Settings::load(args)?;
    let stop = StopSignal::listen().map_err(CannotStart)?;
    for module in settings.modules.iter() {
        tracing::info!(name = %module.name, path = %module.path.display(), "module");
    }
    tracing::info!(count = settings.origins.len(), "origins allowed");
    for file in &settings.administrator.files {
        tracing::info!(file = %file.display(), "configuration of the administrators");
    }
    for unused in &settings.administrator.unused {
        tracing::warn!("{unused}");
    }
    let chooses_port = passed.is_none() && settings.listen == Listen::FirstFree;
    let instance = claim(settings.state_file.as_ref(), chooses_port)?;
    if chooses_port && installation::is_listening() {
        return Err(ServeFailure::ServiceManagerListens);
    }
    let server = Server::bind(settings, passed).await?;
    if let [first, ..] = server.skipped_ports() {
        notify_skipped(first, server.address().port());
    }
    if let Some(instance) = &instance {
        let address = server.address().to_string();
        instance.record(&Running::here(address, started_by, log.flatten()));
    }
    // The parent process may have closed the pipe.
    let _ = writeln!(std::io::stdout(), "listening on ws://{}", server.address());
    server.run(stop.token()).await;
    Ok(())
}

/// Claims to be the user's bridge. Only a bridge that chooses its port has to be the only one. The
/// user or the service manager chose the port of others.
fn claim(
    state_file: Option<&StateFile>,
    chooses_port: bool,
) -> Result<Option<Instance>, InstanceError> {
    let Some(state_file) = state_file else { return Ok(None) };
    match Instance::claim(state_file) {
        Ok(instance) => Ok(Some(instance)),
        Err(error @ InstanceError::Runs(_)) if chooses_port => Err(error),
        Err(error) => {
            tracing::warn!(%error, "the status of this bridge is not shown");
            Ok(None)
        }
    }
}

/// Tells the user on the desktop that a program of another user holds a port of the bridge.
fn notify_skipped(foreign: &ForeignPort, port: u16) {
    notification::notify(&foreign.notification(port, &Texts::of_system()));
}
