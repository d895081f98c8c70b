//! pkcs11-bridge: lets web pages use smart cards, USB tokens and HSMs through PKCS#11, as far as
//! their user allows. This file alone formats for people and chooses exit statuses.

#![deny(unsafe_code)]

mod approvals;
mod batch;
mod bridge;
mod cli;
mod config;
mod consent;
mod demo;
mod dialog;
mod hardening;
mod host;
mod lock;
mod modules;
mod origin;
mod origins;
mod pin_entry;
mod pipe;
mod program;
mod rsa_public_key;
mod server;
mod slot_events;
mod stop;
mod supervisor;
mod worker;

use std::alloc::System;
use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use zeroizing_alloc::ZeroAlloc;

use cli::{Cli, Command, ServeArgs};
use config::{ConfigError, Settings};
use demo::DemoError;
use origins::OriginsError;
use server::{ServeError, Server};
use stop::StopSignal;

/// Memory is wiped when it is freed: a PIN passes through buffers of libraries that do not do so.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    let Cli { command, serve } = Cli::parse();
    log_to_stderr();
    hardening::keep_memory_private();
    let result = match command {
        None => run(serve_pages(serve)),
        Some(Command::Serve(args)) => run(serve_pages(args)),
        Some(Command::Demo(args)) => run(async { Ok(demo::run(args).await?) }),
        Some(Command::Origins(args)) => origins::run(args).map_err(Failed::from),
        Some(Command::Dialog) => return dialog::show(),
        Some(Command::Worker(args)) => return worker::run(&args),
        Some(Command::DemoToken(args)) => {
            demo::make_token(&args.module).map_err(|error| Failed::Demo(error.into()))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            let _ = writeln!(std::io::stderr(), "pkcs11-bridge: {failed}");
            failed.exit_code()
        }
    }
}

/// Why the program ends without having been asked to.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Serve(#[from] ServeError),
    #[error(transparent)]
    Demo(#[from] DemoError),
    #[error(transparent)]
    Origins(#[from] OriginsError),
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}

impl Failed {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Origins(OriginsError::Config(_)) => ExitCode::from(2),
            Self::Serve(_) | Self::Demo(_) | Self::Origins(_) | Self::Start(_) => ExitCode::FAILURE,
        }
    }
}

/// One thread: between a page and a worker every hop to another thread costs more than all else that
/// is done to a message. What blocks is in the workers.
fn run(program: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failed::Start)?
        .block_on(program)
}

async fn serve_pages(args: ServeArgs) -> Result<(), Failed> {
    let settings = Settings::load(args)?;
    let stop = StopSignal::listen().map_err(Failed::Start)?;
    for module in settings.modules.iter() {
        tracing::info!(name = %module.name, path = %module.path.display(), "module");
    }
    tracing::info!(count = settings.origins.len(), "origins allowed");
    let server = Server::bind(settings).await?;
    // Whoever started the bridge may have closed the pipe.
    let _ = writeln!(std::io::stdout(), "listening on ws://{}", server.address());
    server.run(stop.token()).await;
    Ok(())
}

/// Our own events only: what libraries write with the crate `log` may be a whole message, PIN included.
fn log_to_stderr() {
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .with_env_var("PKCS11_BRIDGE_LOG")
        .from_env_lossy();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // It would panic where the terminal was closed.
    let log = log.log_internal_errors(false);
    log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init();
}
