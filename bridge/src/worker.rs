//! The worker: one process that has one module loaded for one origin. It reads jobs from its standard
//! input and writes reports to its standard output, and ends with the input.
//!
//! Several threads take turns at the input: one reads a job, lets the next one read, and carries
//! its job out itself, so that a call costs no hop between threads and calls run side by side.

mod algorithm;
mod certificates;
mod ecdsa;
mod failures;
mod key;
mod module;
mod pin;
mod reading;
mod sessions;
mod sign;
mod slot;
mod verifier;

use std::io::{self, BufReader, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{Failure, Row};
use serde::Serialize;
use serde_json::value::to_raw_value;

use crate::pipe::{self, Greeting, Job, Outcome, Report};
use module::{LoadedModule, Threading};
use slot::LoginError;

/// Runs until the bridge closes the pipe.
pub(crate) fn run(path: &Path) -> ExitCode {
    let (input, mut output) = match own_pipes() {
        Ok(pipes) => pipes,
        Err(error) => {
            tracing::error!(%error, "the worker has no pipes to its bridge");
            return ExitCode::FAILURE;
        }
    };
    die_with_the_bridge();
    let module = match LoadedModule::load(path) {
        Ok(module) => module,
        Err(failure) => {
            let _ = pipe::write(&mut output, &Greeting::Failed(failure.into()));
            return ExitCode::FAILURE;
        }
    };
    if pipe::write(&mut output, &Greeting::Ready).is_err() {
        return ExitCode::FAILURE;
    }
    serve(&module, input, output);
    module.finalize();
    ExitCode::SUCCESS
}

fn serve(module: &LoadedModule, input: impl Read + Send, output: impl Write + Send) {
    let input = Mutex::new(BufReader::with_capacity(READ_BUFFER, input));
    let output = Mutex::new(output);
    let take_turns = || {
        loop {
            let job = pipe::read(&mut *input.lock().unwrap_or_else(PoisonError::into_inner));
            let Ok(Some(Job { id, call })) = job else { return };
            let report = Report { id, outcome: carry_out(module, &call) };
            // The PIN is wiped before the page has the signature.
            drop(call);
            let written = pipe::encode(&report).and_then(|frame| {
                output.lock().unwrap_or_else(PoisonError::into_inner).write_all(&frame)
            });
            if written.is_err() {
                return;
            }
        }
    };
    std::thread::scope(|threads| {
        for _ in 1..module.threading().count() {
            threads.spawn(take_turns);
        }
        take_turns();
    });
}

fn carry_out(module: &LoadedModule, call: &Call) -> Outcome {
    match call {
        Call::Info(_) => outcome(reading::info(module)),
        Call::Slots(params) => outcome(reading::slots(module, params)),
        Call::Token(params) => outcome(reading::token(module, params)),
        Call::Certificates(params) => outcome(certificates::list(module, params)),
        Call::SignData(params) => match sign::sign(module, params) {
            Err(LoginError::PinNeeded(request)) => Outcome::PinNeeded(request),
            Err(LoginError::Failed(failure)) => failure.into(),
            Ok(signature) => outcome(Ok(signature)),
        },
        Call::VerifySignedData(params) => outcome(sign::verify(module, params)),
        Call::Hello(_) | Call::Modules(_) => {
            Failure::new(Row::Internal, "The bridge passed on a call that it has to answer itself.")
                .into()
        }
    }
}

fn outcome<R: Serialize>(result: Result<R, Failure>) -> Outcome {
    match result.map(|result| to_raw_value(&result)) {
        Ok(Ok(result)) => Outcome::Done(result),
        Ok(Err(error)) => {
            Failure::new(Row::Internal, format!("The result cannot be encoded: {error}.")).into()
        }
        Err(failure) => failure.into(),
    }
}

/// Takes the pipes for the worker alone: what a module reads from standard input is empty, and what
/// it writes to standard output goes to the log.
#[cfg(unix)]
fn own_pipes() -> io::Result<(impl Read + Send, impl Write + Send)> {
    use std::fs::File;
    use std::os::fd::AsFd;

    let input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())?;
    Ok((input, output))
}

#[cfg(not(unix))]
fn own_pipes() -> io::Result<(impl Read + Send, impl Write + Send)> {
    Ok((io::stdin(), io::stdout()))
}

/// The end of the pipe is noticed between two calls; a bridge that was killed takes a worker with it
/// in the middle of one, too.
#[cfg(target_os = "linux")]
fn die_with_the_bridge() {
    if let Err(error) =
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
    {
        tracing::warn!(%error, "the worker may outlive its bridge for as long as a call takes");
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_the_bridge() {}

/// One thread for each call that may wait for a token, where the module allows several.
impl Threading {
    fn count(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Multiple => {
                std::thread::available_parallelism().map_or(1, usize::from).clamp(4, 8)
            }
        }
    }
}

const READ_BUFFER: usize = 64 << 10;
