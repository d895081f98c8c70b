//! The commands of the program. Parses the command line, runs one command and reports how it ended.

mod demo;
mod install;
mod key;
mod origins;
mod policy;
mod serve;
mod start;
mod status;

use std::process::ExitCode;
use std::sync::Mutex;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::cli::{Cli, Command};
use crate::doctor::DoctorError;
use crate::process::hardening;
use crate::process::log_file::LogFile;
use crate::{dialog, doctor, trace_points, worker};
use demo::DemoError;
use install::InstallFailure;
use key::KeyError;
use origins::OriginsError;
use policy::PolicyError;
use serve::ServeFailure;
use start::StartFailure;
use status::StatusError;

/// Runs the command of the command line until it ends. Returns the exit code.
pub fn run() -> Result<ExitCode, Failed> {
    let Cli { command, serve } = Cli::parse();
    let command = command.unwrap_or(Command::Serve(serve));
    start_log(serve::log_file(&command));
    hardening::keep_memory_private();
    let result = run_command(command);
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
            Cause::Serve(ServeFailure::Config(_))
            | Cause::StartCommand(StartFailure::Link)
            | Cause::Status(StatusError::Config(_))
            | Cause::Policy(PolicyError::Config(_))
            | Cause::Origins(OriginsError::Config(_))
            | Cause::Doctor(DoctorError::Config(_)) => ExitCode::from(2),
            Cause::Serve(_)
            | Cause::Doctor(_)
            | Cause::Demo(_)
            | Cause::Origins(_)
            | Cause::Key(_)
            | Cause::Install(_)
            | Cause::StartCommand(_)
            | Cause::Status(_)
            | Cause::Policy(_)
            | Cause::Start(_) => ExitCode::FAILURE,
            #[cfg(windows)]
            Cause::Stop(_) => ExitCode::FAILURE,
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error(transparent)]
    Serve(#[from] ServeFailure),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Origins(#[from] OriginsError),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Install(#[from] InstallFailure),
    #[error(transparent)]
    StartCommand(#[from] StartFailure),
    #[error(transparent)]
    Status(#[from] StatusError),
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error(transparent)]
    Doctor(#[from] DoctorError),
    #[error(transparent)]
    Start(#[from] CannotStart),
    #[cfg(windows)]
    #[error("cannot stop the bridges of this user: {0}")]
    Stop(std::io::Error),
}

/// The system refuses something that every process needs.
#[derive(Debug, thiserror::Error)]
#[error("cannot start: {0}")]
pub(crate) struct CannotStart(std::io::Error);

fn run_command(command: Command) -> Result<ExitCode, Cause> {
    match command {
        Command::Serve(args) => serve::run(args)?,
        Command::Demo(args) => block_on(demo::run(args))??,
        Command::Origins(args) => origins::run(args)?,
        Command::Policy(args) => policy::run(args)?,
        Command::Key(args) => key::run(args)?,
        Command::Install(args) => install::install(args)?,
        Command::Uninstall => install::uninstall()?,
        Command::Start(args) => start::run(args)?,
        Command::Status(args) => block_on(status::run(args))??,
        Command::Doctor(args) => return Ok(block_on(doctor::run(args))??),
        Command::Dialog(args) => return Ok(dialog::show(&args)),
        Command::Worker(args) => return Ok(worker::run(&args)),
        #[cfg(windows)]
        Command::Stop => drop(crate::windows::stop_event::stop_bridges().map_err(Cause::Stop)?),
        Command::DemoToken(args) => demo::make_token(&args.module).map_err(DemoError::from)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs the bridge on one thread. A message spends more time on a hop to another thread than on all
/// other work. Calls that block are in the workers.
fn block_on<T>(program: impl Future<Output = T>) -> Result<T, CannotStart> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.map_err(CannotStart)?.block_on(program))
}

/// Logs only our own events. Libraries may log whole messages with the crate `log`, and a message
/// may hold a PIN.
fn start_log(file: Option<LogFile>) {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var("PKCS11_BRIDGE_LOG")
        .from_env_lossy();
    // Without `log_internal_errors(false)`, the logger panics if the terminal is closed.
    let log = tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
    match file {
        Some(file) => log.with_ansi(false).with_writer(Mutex::new(file)).init(),
        None => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
            log.with_ansi(is_terminal).with_writer(std::io::stderr).init();
        }
    }
}
