//! Replies to the client as a script entry says: waits, checks that the entry matches the question,
//! and writes the answer.

use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

use crate::answer::{self, Action, AfterWrite, NO_TERMINAL, TIME_OUT_NAME, Wait};
use crate::assuan::data_line;
use crate::conversation::{CANCELLED_TEXT, Conversation};
use crate::script::{Entry, Script};
use crate::transcript::{Event, Kind};

/// What the client waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    Greeting,
    Answer(Kind),
}

/// Replies with the answer of a script entry. Some answers do not return.
pub(crate) fn reply(conversation: &mut Conversation, entry: Entry, awaited: Awaited) {
    if !wait(conversation, &entry) {
        conversation.record(Event::Answered(TIME_OUT_NAME.to_owned()));
        conversation.write_error(answer::TIMEOUT, "Timeout <Pinentry>");
        return;
    }
    let name = entry.answer.action.name();
    if !matches(&entry.answer.action, awaited) {
        conversation
            .record(Event::Problem(format!("the script answers `{name}` to another question")));
        conversation.record(Event::Answered("cancel: the script entry does not match".to_owned()));
        conversation.write_error(answer::CANCELED, CANCELLED_TEXT);
        return;
    }
    if awaited != Awaited::Greeting {
        conversation.record(Event::Answered(name));
    }
    match entry.answer.action {
        Action::Acknowledge => conversation.write(b"OK\n"),
        Action::Allow => write_digits(conversation, 0),
        Action::Block => write_digits(conversation, 1),
        Action::Digits => write_digits(conversation, 0),
        Action::Type(text) if text.is_empty() => conversation.write(b"OK\n"),
        Action::Type(text) => conversation.write(&[&data_line(&text), &b"OK\n"[..]].concat()),
        Action::Deny | Action::Cancel => conversation.write_error(answer::CANCELED, CANCELLED_TEXT),
        Action::Pin(pin) if pin.is_empty() => conversation.write(b"OK\n"),
        Action::Pin(pin) => conversation.write(&[&data_line(&pin), &b"OK\n"[..]].concat()),
        Action::Error { code, text } => conversation.write_error(code, &text),
        Action::NoDisplay => {
            conversation
                .write(format!("S ERROR curses.open_tty_for_read {NO_TERMINAL} \n").as_bytes());
            conversation.write_error(NO_TERMINAL, "No such device or address <Pinentry>");
        }
        Action::Exit => std::process::exit(1),
        Action::Kill => {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        Action::Hang => hang(&conversation.script),
        Action::Write { bytes, then } => {
            conversation.write(&bytes);
            match then {
                AfterWrite::Continue => {}
                AfterWrite::Hang => hang(&conversation.script),
                AfterWrite::RepeatForever => loop {
                    let pause = bytes.len() as u64 * 1_000_000 / BYTES_PER_SECOND;
                    std::thread::sleep(Duration::from_micros(pause));
                    conversation.write(&bytes);
                },
            }
        }
    }
}

/// Types the digits that the dialog shows at a position.
fn write_digits(conversation: &mut Conversation, position: usize) {
    let digits = conversation.shown_digits();
    match digits.get(position) {
        Some(digits) => conversation.write(&[&data_line(digits), &b"OK\n"[..]].concat()),
        None => {
            conversation.record(Event::Problem("the dialog shows no digits".to_owned()));
            conversation.write_error(answer::CANCELED, CANCELLED_TEXT);
        }
    }
}

/// Writes nothing any more. The program exits when the test deletes its folder.
pub(crate) fn hang(script: &Script) -> ! {
    let start = Instant::now();
    while !script.is_deleted() && start.elapsed() < HANG_LIMIT {
        std::thread::sleep(Duration::from_millis(100));
    }
    std::process::exit(1);
}

/// Waits as the script entry says. A PIN takes as long as a person needs, because the bridge throws
/// away what comes earlier. Returns whether the wait ended before the dialog's time limit.
fn wait(conversation: &Conversation, entry: &Entry) -> bool {
    let start = Instant::now();
    let limit = conversation.time_limit().unwrap_or(HANG_LIMIT);
    let typing = if entry.answer.is_typed_pin() { TYPING } else { Duration::ZERO };
    let is_over = || match entry.answer.wait {
        _ if start.elapsed() < typing => false,
        Wait::No => true,
        Wait::Millis(millis) => start.elapsed() >= Duration::from_millis(millis),
        Wait::UntilReleased => conversation.script.is_released(entry.number),
    };
    while !is_over() {
        if start.elapsed() >= limit {
            return false;
        }
        if conversation.script.is_deleted() {
            std::process::exit(1);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

fn matches(action: &Action, awaited: Awaited) -> bool {
    match action {
        Action::Allow | Action::Block | Action::Deny => awaited == Awaited::Answer(Kind::Consent),
        Action::Type(_) => {
            matches!(awaited, Awaited::Answer(Kind::Consent | Kind::Digits))
        }
        Action::Digits => awaited == Awaited::Answer(Kind::Digits),
        Action::Acknowledge => awaited == Awaited::Answer(Kind::Message),
        Action::Pin(_) => awaited == Awaited::Answer(Kind::Pin),
        Action::Cancel | Action::NoDisplay => awaited != Awaited::Greeting,
        Action::Error { .. }
        | Action::Exit
        | Action::Kill
        | Action::Hang
        | Action::Write { .. } => true,
    }
}

/// How long a person needs to type a PIN.
const TYPING: Duration = Duration::from_millis(1050);

const HANG_LIMIT: Duration = Duration::from_secs(600);

const BYTES_PER_SECOND: u64 = 4_000_000;
