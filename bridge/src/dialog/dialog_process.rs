//! The process that shows a question, in the first way that works.

use std::io;
use std::process::ExitCode;

use super::request::DialogRequest;
use super::{Answer, Question, availability, updates, ways};
use crate::cli::DialogArgs;
use crate::confinement::tracer;
use crate::ipc::frame;
use crate::process::hardening;

/// Reads the question from standard input and writes the answer to standard output. Runs on the
/// main thread, because windows need it on some platforms.
pub(crate) fn run(args: &DialogArgs) -> ExitCode {
    hardening::limit_memory(MAX_MEMORY);
    if args.probe {
        return availability::probe_window();
    }
    let mut input = frame::BlockingFrameReader::new(io::stdin());
    let Ok(Some(request)) = input.read::<DialogRequest<Question>>() else {
        return ExitCode::FAILURE;
    };
    let updates = updates::receive(input, end_with_bridge());
    let answer = match (&request.question, tracer::refuse()) {
        (Question::Pin(_), Err(traced)) => Answer::Unavailable(traced.to_string()),
        // The bridge ends the process when it has read the answer.
        _ => ways::ask(request, updates, |answer| {
            let _ = write(answer);
        }),
    };
    write(&answer)
}

fn write(answer: &Answer) -> ExitCode {
    match frame::write(&mut io::stdout(), answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Prepares the end of this process and its pinentry for when the bridge closes the input. Returns
/// the function that ends them.
///
/// The process starts a session of its own. Its process group then includes the pinentry. A
/// pinentry can still draw in the terminal of the bridge, as it does under gpg-agent.
#[cfg(unix)]
fn end_with_bridge() -> impl FnOnce() + Send {
    use rustix::process::{Signal, kill_current_process_group, setsid};

    let session = setsid();
    if let Err(error) = session {
        tracing::warn!(%error, "the dialog may outlive the bridge");
    }
    move || {
        if session.is_ok() {
            let _ = kill_current_process_group(Signal::KILL);
        }
    }
}

#[cfg(windows)]
fn end_with_bridge() -> impl FnOnce() + Send {
    || std::process::exit(1)
}

/// The pinentry inherits this limit, so it includes the memory that GUI toolkits need.
const MAX_MEMORY: u64 = 512 << 20;
