//! The worker: one process that has loaded one module for one origin. It executes tasks, and ends
//! with the bridge.
//!
//! Each of its threads receives tasks from a channel of its own and executes them itself. So a task
//! costs no hop between threads, and tasks run side by side.

pub mod certificates;
mod channels;
mod info;
mod initialize;
mod key;
mod library;
mod mechanism;
mod module;
mod module_error;
mod objects;
mod pss_encoding;
mod public_keys;
mod queries;
mod sessions;
mod sign;
mod single_part;
mod slot;
mod slot_events;
mod symbol_owner;
mod text;
mod token_info;

use std::cell::Cell;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Once;
use std::thread;
use std::time::Duration;

use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::rv::Rv;
use serde::Serialize;

use crate::cli::WorkerArgs;
use crate::confinement::{self, Confinement};
use crate::ipc::frame;
use crate::ipc::message::{Greeting, Outcome, Response, WorkerMessage, encode_result};
use crate::ipc::task::Task;
use crate::process::hardening;
use crate::trace_points::{TracePoint, reached};
use channels::Channel;
use module::LoadedModule;
#[cfg(unix)]
pub(crate) use module::max_threads;
use slot::{Credentials, LoginError};

/// Runs until the bridge closes the channels.
pub(crate) fn run(args: &WorkerArgs) -> ExitCode {
    let mut channels = match channels::open() {
        Ok(channels) => channels,
        Err(error) => {
            tracing::error!(%error, "the worker cannot open its channels to the bridge");
            return ExitCode::FAILURE;
        }
    };
    if end_with_bridge(args.bridge).is_break() {
        return ExitCode::FAILURE;
    }
    hardening::limit_memory(MAX_MEMORY);
    let confinement =
        Confinement { landlock: (!args.no_landlock).into(), seccomp: (!args.no_seccomp).into() };
    confinement::confine(confinement, &args.protect);
    let greet = |greeting| channels[0].send(&greeting);
    let init_args = std::env::var(INIT_ARGS).ok();
    let module = match LoadedModule::load(&args.module, init_args.as_deref()) {
        Ok(module) => module,
        Err(failure) => {
            let _ = greet(Greeting::Failed(failure));
            return ExitCode::FAILURE;
        }
    };
    let threads = module.threads();
    if greet(Greeting::Ready { threads }).is_err() {
        return ExitCode::FAILURE;
    }
    let slot_events = (threads > 1 && !args.no_slot_events).then(Once::new);
    channels.truncate(threads);
    serve(&module, threads, slot_events.as_ref(), &channels);
    module.finalize();
    ExitCode::SUCCESS
}

/// Executes tasks until the bridge closes the channels. With `slot_events` the worker also waits
/// for slot events, from the first snapshot on.
fn serve(module: &LoadedModule, threads: usize, slot_events: Option<&Once>, channels: &[Channel]) {
    let serve_one = |channel: &Channel| {
        loop {
            let Ok(Some(request)) = channel.receive() else { return end_after_grace() };
            reached(TracePoint::Taken);
            let id = request.id;
            let takes_snapshot = matches!(request.task, Task::SnapshotTokens);
            // A malformed answer of the module may make a library panic. Only this task fails then.
            let pin_use = Cell::default();
            // If this fails, the bridge has gone.
            let pin_accepted = || drop(channel.send(&WorkerMessage::PinAccepted { id }));
            let credentials = Credentials {
                page_pin: request.task.page_pin(),
                permission: &request.permission,
                pin_use: &pin_use,
                pin_accepted: &pin_accepted,
            };
            let run = || execute(module, &request.task, &credentials);
            let outcome = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| panicked().into());
            let pin = pin_use.get();
            let response = |outcome| WorkerMessage::Response(Response { id, outcome, pin });
            let frame = frame::encode(&response(outcome))
                .or_else(|error| frame::encode(&response(too_long(&error).into())));
            if frame.and_then(|frame| channel.send_frame(&frame)).is_err() {
                return;
            }
            // Not before the response: well-known modules let no other call in while they wait.
            if let (true, Some(once)) = (takes_snapshot, slot_events) {
                once.call_once(|| slot_events::report(module.context().clone(), channel.clone()));
            }
        }
    };
    thread::scope(|scope| {
        let (first, others) = (&channels[0], 1..threads);
        for channel in others.map(|number| &channels[number % channels.len()]) {
            scope.spawn(move || serve_one(channel));
        }
        serve_one(first);
    });
}

fn execute(module: &LoadedModule, task: &Task, credentials: &Credentials<'_>) -> Outcome {
    match task {
        Task::Info => outcome(queries::info(module)),
        Task::Slots { token_present } => outcome(queries::slots(module, *token_present)),
        Task::Token { slot_id } => outcome(queries::token(module, *slot_id)),
        Task::ListTokens => outcome(queries::tokens(module)),
        Task::Certificates { slot_id, known, login } => {
            let credentials = login.then_some(credentials);
            login_outcome(queries::certificates(module, *slot_id, known.as_ref(), credentials))
        }
        Task::Keys { slot_id, login } => {
            login_outcome(queries::keys(module, *slot_id, login.then_some(credentials)))
        }
        Task::Certificate { slot_id, cert_id } => {
            outcome(queries::certificate(module, *slot_id, cert_id))
        }
        Task::HiddenCertificate(task) => {
            login_outcome(queries::hidden_certificate(module, task, credentials))
        }
        Task::Sign(task) => login_outcome(sign::sign(module, task, credentials)),
        Task::PrepareBatch(task) => login_outcome(sign::prepare(module, task, credentials)),
        Task::ForgetObjects { slot_id } => outcome(queries::forget_objects(module, *slot_id)),
        Task::Logout { slot_id } => outcome(module.log_out(*slot_id)),
        Task::SnapshotTokens => outcome(queries::token_snapshot(module)),
    }
}

fn login_outcome<R: Serialize>(result: Result<R, LoginError>) -> Outcome {
    match result {
        Err(LoginError::PinNeeded(request)) => Outcome::PinNeeded(request),
        Err(LoginError::LoggingIn) => Outcome::LoggingIn,
        Err(LoginError::PinRefused(refusal)) => Outcome::PinRefused(refusal),
        Err(LoginError::Failed(failure) | LoginError::AfterPin(failure)) => {
            outcome::<()>(Err(failure))
        }
        Ok(result) => outcome(Ok(result)),
    }
}

fn panicked() -> Failure {
    Failure::new(
        ErrorCode::Internal,
        "The module's answer violates the PKCS#11 standard. The bridge's log holds the details.",
    )
}

fn too_long(error: &io::Error) -> Failure {
    Failure::new(ErrorCode::Internal, format!("The worker cannot send the result: {error}."))
}

fn outcome<R: Serialize>(result: Result<R, Failure>) -> Outcome {
    match result.and_then(|result| encode_result(&result)) {
        Ok(result) => Outcome::Done(result),
        Err(failure) if failure.rv == Some(Rv::CRYPTOKI_NOT_INITIALIZED) => {
            Outcome::ModuleLost(failure)
        }
        Err(failure) => failure.into(),
    }
}

/// Ends the process after [`GRACE`], even if a call of another thread still hangs. The bridge has
/// closed the channels, so nothing waits for the call's result.
fn end_after_grace() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = || {
            thread::sleep(GRACE);
            std::process::exit(1);
        };
        if let Err(error) = thread::Builder::new().spawn(end) {
            tracing::warn!(%error, "the worker may not end while a call hangs");
        }
    });
}

/// Makes the system end this process when the bridge dies, even during a call. The worker notices
/// closed channels only between calls. Breaks if the bridge is gone already.
#[cfg(target_os = "linux")]
fn end_with_bridge(bridge: u32) -> ControlFlow<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        tracing::warn!(%error, "the worker may outlive its bridge by one call");
    }
    match getppid() {
        Some(parent) if u32::try_from(parent.as_raw_pid()) == Ok(bridge) => {
            ControlFlow::Continue(())
        }
        _ => ControlFlow::Break(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn end_with_bridge(_bridge: u32) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The environment variable with the module's `init_args`. Other users can read a command line.
pub(crate) const INIT_ARGS: &str = "PKCS11_BRIDGE_INIT_ARGS";
/// Longer than a running bridge waits before it kills the worker.
const GRACE: Duration = Duration::from_secs(5);
const MAX_MEMORY: u64 = 1 << 30;
