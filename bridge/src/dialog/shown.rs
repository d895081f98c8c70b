//! The process that shows a question, from its own side: by a pinentry, and where there is none, in the
//! terminal that the bridge was started in.

use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pinentry::{ConfirmationDialog, Error, MessageDialog, PassphraseInput};
use pkcs11_bridge_protocol::pin::Pin;

use super::{Answer, Question, Showing, terminal};
use crate::ipc;
use crate::process::hardening;

/// Reads the question from standard input and writes the answer to standard output.
pub(crate) fn run() -> ExitCode {
    hardening::limit_memory(MAX_MEMORY);
    let Ok(Some(showing)) = ipc::Input::new(io::stdin()).next() else { return ExitCode::FAILURE };
    end_with_the_bridge();
    let answer = show(&showing);
    match ipc::write(&mut io::stdout(), &answer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn show(showing: &Showing<Question>) -> Answer {
    let (start, limit) = (Instant::now(), Duration::from_secs(showing.seconds.into()));
    match (ask_pinentry(showing), &showing.terminal) {
        // Several answer a time-out as they do the button.
        (Answer::No | Answer::Cancelled, _) if start.elapsed() >= limit => Answer::TimedOut,
        (Answer::Unavailable(_), Some(device)) => terminal::ask(&showing.question, device),
        (answer, _) => answer,
    }
}

fn ask_pinentry(showing: &Showing<Question>) -> Answer {
    let program = showing.pinentry.as_path();
    let asked = match &showing.question {
        Question::Confirm { text, yes, no } => confirm(showing, program, text, [yes, no]),
        Question::Pin { text, error } => pin(showing, program, text, error.as_deref()),
        Question::Message { text } => message(showing, program, text),
    };
    match asked {
        None => Answer::Unavailable(format!("there is no program {}", program.display())),
        Some(Ok(answer)) => answer,
        Some(Err(Error::Timeout)) => Answer::TimedOut,
        Some(Err(Error::Cancelled)) => Answer::Cancelled,
        Some(Err(Error::Gpg(error))) if error.code() == FULLY_CANCELLED => Answer::Cancelled,
        Some(Err(Error::Gpg(error))) if error.code() == NOT_CONFIRMED => Answer::No,
        Some(Err(error)) => Answer::Unavailable(format!("{} failed ({error})", program.display())),
    }
}

type Asked = Option<Result<Answer, Error>>;

fn confirm(showing: &Showing<Question>, program: &Path, text: &str, [yes, no]: [&str; 2]) -> Asked {
    let mut dialog = ConfirmationDialog::with_binary(program)?;
    dialog.with_title(TITLE).with_ok(yes).with_cancel(no).with_timeout(showing.seconds);
    #[cfg(unix)]
    dialog.with_unix_options(unix_options(showing));
    let answer = |confirmed| if confirmed { Answer::Yes } else { Answer::No };
    Some(dialog.confirm(text).map(answer))
}

fn pin(showing: &Showing<Question>, program: &Path, text: &str, error: Option<&str>) -> Asked {
    let mut dialog = PassphraseInput::with_binary(program)?;
    dialog.with_title(TITLE).with_description(text).with_prompt("PIN:").with_ok("OK");
    dialog.with_cancel("Cancel").with_timeout(showing.seconds).required("Enter the PIN.");
    if let Some(error) = error {
        dialog.with_error(error);
    }
    #[cfg(unix)]
    dialog.with_unix_options(unix_options(showing));
    Some(dialog.interact().map(|pin| Answer::Pin(Pin::from(pin))))
}

fn message(showing: &Showing<Question>, program: &Path, text: &str) -> Asked {
    let mut dialog = MessageDialog::with_binary(program)?;
    dialog.with_title(TITLE).with_ok("Hide").with_timeout(showing.seconds);
    #[cfg(unix)]
    dialog.with_unix_options(unix_options(showing));
    Some(dialog.show_message(text).map(|()| Answer::Yes))
}

/// Leaves the bridge's session: the pinentry is ended with this process, and one that draws in the
/// terminal may do so though it is not the terminal's own (as gpg-agent's may). The bridge keeps the
/// input open; where that ends, it has no use for the answer any more, or is gone itself.
#[cfg(unix)]
fn end_with_the_bridge() {
    use rustix::process::{Signal, kill_current_process_group, setsid};

    if let Err(error) = setsid() {
        tracing::warn!(%error, "the dialog may outlive its bridge");
        return;
    }
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_current_process_group(Signal::KILL);
    });
}

#[cfg(not(unix))]
fn end_with_the_bridge() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(1);
    });
}

#[cfg(unix)]
fn unix_options(showing: &Showing<Question>) -> pinentry::unix::Options<'_> {
    let options = pinentry::unix::Options::builder();
    match &showing.terminal {
        Some(device) => options.tty_name(device),
        None => options,
    }
    .build()
}

const TITLE: &str = "pkcs11-bridge";
/// The pinentry has the same limit, and toolkits take their part.
const MAX_MEMORY: u64 = 512 << 20;

// The codes of libgpg-error that a pinentry may answer with.
const NOT_CONFIRMED: u16 = 114;
const FULLY_CANCELLED: u16 = 198;
