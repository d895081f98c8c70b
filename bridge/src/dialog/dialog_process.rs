//! The process that shows a question. It uses a pinentry program. If there is none, it asks in the
//! terminal of the bridge.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pinentry::{ConfirmationDialog, Error, MessageDialog, PassphraseInput};
use pkcs11_bridge_protocol::pin::Pin;

use super::{Answer, DialogRequest, Question, terminal};
use crate::ipc::frame;
use crate::process::hardening;

/// Reads the question from standard input and writes the answer to standard output.
pub(crate) fn run() -> ExitCode {
    hardening::limit_memory(MAX_MEMORY);
    let Ok(Some(request)) = frame::BlockingFrameReader::new(io::stdin()).read() else {
        return ExitCode::FAILURE;
    };
    end_with_bridge();
    let answer = show(&request);
    match frame::write(&mut io::stdout(), &answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn show(request: &DialogRequest<Question>) -> Answer {
    let (start, limit) = (Instant::now(), Duration::from_secs(request.seconds.into()));
    match (ask_pinentry(request), &request.terminal) {
        // Several pinentry programs report a time-out in the same way as the Cancel button.
        (Answer::No | Answer::Cancelled, _) if start.elapsed() >= limit => Answer::TimedOut,
        (Answer::Unavailable(_), Some(device)) => terminal::ask(&request.question, device),
        (answer, _) => answer,
    }
}

fn ask_pinentry(request: &DialogRequest<Question>) -> Answer {
    let program = request.pinentry.as_path();
    let asked = match &request.question {
        Question::Confirm { text, yes, no } => confirm(request, program, text, [yes, no]),
        Question::Pin { text, error } => pin(request, program, text, error.as_deref()),
        Question::Message { text } => message(request, program, text),
    };
    match asked {
        None => Answer::Unavailable(format!("{} is not installed", program.display())),
        Some(Ok(answer)) => answer,
        Some(Err(Error::Timeout)) => Answer::TimedOut,
        Some(Err(Error::Cancelled)) => Answer::Cancelled,
        Some(Err(Error::Gpg(error))) if error.code() == FULLY_CANCELLED => Answer::Cancelled,
        Some(Err(Error::Gpg(error))) if error.code() == NOT_CONFIRMED => Answer::No,
        Some(Err(error)) => Answer::Unavailable(format!("{} failed ({error})", program.display())),
    }
}

type Asked = Option<Result<Answer, Error>>;

fn confirm(
    request: &DialogRequest<Question>,
    program: &Path,
    text: &str,
    [yes, no]: [&str; 2],
) -> Asked {
    let mut dialog = ConfirmationDialog::with_binary(program)?;
    dialog.with_title(TITLE).with_ok(yes).with_cancel(no).with_timeout(request.seconds);
    #[cfg(unix)]
    dialog.with_unix_options(unix_options(request));
    let answer = |confirmed| if confirmed { Answer::Yes } else { Answer::No };
    Some(dialog.confirm(text).map(answer))
}

fn pin(
    request: &DialogRequest<Question>,
    program: &Path,
    text: &str,
    error: Option<&str>,
) -> Asked {
    let mut dialog = PassphraseInput::with_binary(program)?;
    dialog.with_title(TITLE).with_description(text).with_prompt("PIN:").with_ok("OK");
    dialog.with_cancel("Cancel").with_timeout(request.seconds).required("Enter the PIN.");
    if let Some(error) = error {
        dialog.with_error(error);
    }
    #[cfg(unix)]
    dialog.with_unix_options(unix_options(request));
    Some(dialog.interact().map(|pin| Answer::Pin(Pin::from(pin))))
}

fn message(request: &DialogRequest<Question>, program: &Path, text: &str) -> Asked {
    let mut dialog = MessageDialog::with_binary(program)?;
    dialog.with_title(TITLE).with_ok("Hide").with_timeout(request.seconds);
    #[cfg(unix)]
    dialog.with_unix_options(unix_options(request));
    Some(dialog.show_message(text).map(|()| Answer::Yes))
}

/// Ends this process and its pinentry when the bridge closes the input. The bridge does so when it
/// no longer needs the answer, or when it ends.
///
/// The process starts a session of its own. Its process group then includes the pinentry. A
/// pinentry can still draw in the terminal of the bridge, as it does under gpg-agent.
#[cfg(unix)]
fn end_with_bridge() {
    use rustix::process::{Signal, kill_current_process_group, setsid};

    if let Err(error) = setsid() {
        tracing::warn!(%error, "the dialog may outlive the bridge");
        return;
    }
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_current_process_group(Signal::KILL);
    });
}

#[cfg(not(unix))]
fn end_with_bridge() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    });
}

#[cfg(unix)]
fn unix_options(request: &DialogRequest<Question>) -> pinentry::unix::Options<'_> {
    let options = pinentry::unix::Options::builder();
    match &request.terminal {
        Some(device) => options.tty_name(device),
        None => options,
    }
    .build()
}

const TITLE: &str = "pkcs11-bridge";
/// The pinentry inherits this limit, so it includes the memory that GUI toolkits need.
const MAX_MEMORY: u64 = 512 << 20;

// Error codes of libgpg-error.
const NOT_CONFIRMED: u16 = 114;
const FULLY_CANCELLED: u16 = 198;
