//! The commands of the program. Parses the command line, runs one command and reports how it ended.

mod demo;
mod key;
mod origins;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use pkcs11_bridge_dialog::texts::Texts;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Cli, Command, ServeArgs};
use crate::config::{ConfigError, Settings};
use crate::doctor::DoctorError;
use crate::process::hardening;
use crate::process::stop_signal::StopSignal;
use crate::server::{ForeignPort, ServeError, Server};
use crate::{dialog, doctor, notification, trace_points, worker};
use demo::DemoError;
use key::KeyError;
use origins::OriginsError;

/// Runs the command of the command line until it ends. Returns the exit code.
pub fn run() -> Result<ExitCode, Failed> {
    let Cli { command, serve } = Cli::parse();
    log_to_stderr();
    hardening::keep_memory_private();
    let result = run_command(command.unwrap_or(Command::Serve(serve)));
    trace_points::write();
    Ok(result?)
}

/// Why the program failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failed(#[from] Cause);

impl Failed {
    /// 2 if the configuration is wrong, otherwise 1.
    pub fn exit_code(&self) -> ExitCode {
        match self.0 {
            Cause::Config(_)
            | Cause::Origins(OriginsError::Config(_))
            | Cause::Doctor(DoctorError::Config(_)) => ExitCode::from(2),
            Cause::Serve(_)
            | Cause::Doctor(_)
            | Cause::Demo(_)
            | Cause::Origins(_)
            | Cause::Key(_)
            | Cause::Start(_) => ExitCode::FAILURE,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Origins(#[from] OriginsError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}

fn run_command(command: Command) -> Result<ExitCode, Cause> {
    match command {
        Command::Serve(args) => block_on(serve_pages(args))?,
        Command::Demo(args) => block_on(async { Ok(demo::run(args).await?) })?,
        Command::Origins(args) => origins::run(args)?,
        Command::Key(args) => key::run(args)?,
        Command::Doctor(args) => return block_on(async { Ok(doctor::run(args).await?) }),
        Command::Dialog(args) => return Ok(dialog::show(&args)),
        Command::Worker(args) => return Ok(worker::run(&args)),
        Command::DemoToken(args) => demo::make_token(&args.module).map_err(DemoError::from)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the bridge on one thread. A message spends more time on a hop to another thread than on all
/// other work. Calls that block are in the workers.
fn block_on<T>(program: impl Future<Output = Result<T, Cause>>) -> Result<T, Cause> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Cause::Start)?
        .block_on(program)
}

async fn serve_pages(args: ServeArgs) -> Result<(), Cause> {
    let settings = Settings::load(args)?;
    let stop = StopSignal::listen().map_err(Cause::Start)?;
    for module in settings.modules.iter() {
        tracing::info!(name = %module.name, path = %module.path.display(), "module");
    }
    tracing::info!(count = settings.origins.len(), "origins allowed");
    let server = Server::bind(settings).await?;
    if let [first, ..] = server.skipped_ports() {
        notify_skipped(first, server.address().port());
    }
    // The parent process may have closed the pipe.
    let _ = writeln!(std::io::stdout(), "listening on ws://{}", server.address());
    server.run(stop.token()).await;
    Ok(())
}

/// Tells the user on the desktop that a program of another user holds a port of the bridge.
fn notify_skipped(foreign: &ForeignPort, port: u16) {
    notification::notify(&foreign.notification(port, &Texts::of_system()));
}

/// Logs only our own events. Libraries may log whole messages with the crate `log`, and a message
/// may hold a PIN.
fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var("PKCS11_BRIDGE_LOG")
        .from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Without this, the logger panics if the terminal is closed.
    let log = log.log_internal_errors(false);
    log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
}
