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
#[cfg(feature = "fuzzing")]
pub(crate) mod readers;
mod reading;
mod sessions;
mod sign;
mod single_part;
mod slot;
mod verifier;

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use pkcs11_bridge_protocol::call::Call;
use pkcs11_bridge_protocol::failure::{ErrorObject, Failure, Row};
use serde::Serialize;

use crate::lock::lock;
use crate::pipe::{self, Greeting, Job, Leave, Outcome, Report};
use module::LoadedModule;
use slot::{LoginError, Pins};

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
    let threads = module.threads();
    if pipe::write(&mut output, &Greeting::Ready { threads }).is_err() {
        return ExitCode::FAILURE;
    }
    serve(&module, threads, input, output);
    module.finalize();
    ExitCode::SUCCESS
}

fn serve(
    module: &LoadedModule,
    threads: usize,
    input: impl Read + Send,
    output: impl Write + Send,
) {
    // Not buffered, so that no PIN stays behind in a buffer.
    let input = Mutex::new(input);
    let output = Mutex::new(output);
    let take_turns = || {
        loop {
            let job = pipe::read(&mut *lock(&input));
            let Ok(Some(job)): io::Result<Option<Job<Call, Leave>>> = job else { return };
            let id = job.id;
            // A module's nonsense may make a library panic; that ends this call alone.
            let outcome = catch_unwind(AssertUnwindSafe(|| carry_out(module, job)))
                .unwrap_or_else(|_| panicked().into());
            let lost = matches!(&outcome, Outcome::Failed(error) if module_lost_its_state(error));
            let report = Report { id, outcome };
            let frame = pipe::encode(&report)
                .or_else(|error| pipe::encode(&Report { id, outcome: too_long(&error).into() }));
            let written = frame.and_then(|frame| lock(&output).write_all(&frame));
            if lost {
                // The next call gets a process that initialises the module.
                std::process::exit(1);
            }
            if written.is_err() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(take_turns);
        }
        take_turns();
    });
}

fn carry_out(module: &LoadedModule, job: Job<Call, Leave>) -> Outcome {
    let Job { arrived, leave, .. } = &job;
    match &job.call {
        Call::Info(_) => outcome(reading::info(module)),
        Call::Slots(params) => outcome(reading::slots(module, params)),
        Call::Token(params) => outcome(reading::token(module, params)),
        Call::Certificates(params) => outcome(certificates::list(module, params)),
        Call::SignData(params) => {
            let pins = Pins { of_page: params.pin.as_ref(), leave, arrived: *arrived };
            with_login(sign::sign(module, params, &pins))
        }
        Call::SignDataBatch(params) => {
            let pins = Pins { of_page: params.pin.as_ref(), leave, arrived: *arrived };
            with_login(sign::prepare(module, params, &pins))
        }
        Call::VerifySignedData(params) => outcome(sign::verify(module, params)),
        Call::Logout(params) => outcome(module.log_out(params.slot_id)),
        Call::WatchSlots(_) => outcome(reading::tokens(module)),
        Call::Hello(_) | Call::Modules(_) | Call::Cancel(_) | Call::UnwatchSlots(_) => {
            Failure::new(Row::Internal, "The bridge passed on a call that it has to answer itself.")
                .into()
        }
    }
}

fn with_login<R: Serialize>(result: Result<R, LoginError>) -> Outcome {
    match result {
        Err(LoginError::PinNeeded(request)) => Outcome::PinNeeded(request),
        Err(LoginError::LoggingIn) => Outcome::LoggingIn,
        Err(LoginError::Failed(failure) | LoginError::PinSent(failure)) => failure.into(),
        Ok(result) => outcome(Ok(result)),
    }
}

fn panicked() -> Failure {
    Failure::new(
        Row::Internal,
        "The module answered something that breaks the PKCS#11 standard; the bridge's log says more.",
    )
}

fn too_long(error: &io::Error) -> Failure {
    Failure::new(Row::Internal, format!("The result cannot be passed on: {error}."))
}

fn module_lost_its_state(error: &ErrorObject) -> bool {
    error.data.pkcs11.as_deref() == Some("CKR_CRYPTOKI_NOT_INITIALIZED")
}

fn outcome<R: Serialize>(result: Result<R, Failure>) -> Outcome {
    result.and_then(|result| pipe::encode_result(&result)).map_or_else(Outcome::from, Outcome::Done)
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
