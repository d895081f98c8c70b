//! How an answer of the script is given: waited for, checked against the question, and said.

use std::time::{Duration, Instant};

use rustix::process::{Signal, getpid, kill_process};

use crate::answer::{self, Act, NO_TERMINAL, NOT_CONFIRMED, TIME_OUT_NAME, Then, Wait};
use crate::assuan::data_line;
use crate::conversation::{CANCELLED_TEXT, Conversation};
use crate::script::{Script, Turn};
use crate::transcript::{Event, Kind};

/// What the client waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The greeting.
    Nothing,
    Question(Kind),
}

/// Gives an answer. Some do not return.
pub(crate) fn play(conversation: &mut Conversation, turn: Turn, asked: Asked) {
    if !wait(conversation, &turn) {
        conversation.note(Event::Answered(TIME_OUT_NAME.to_owned()));
        conversation.say_error(answer::TIMEOUT, "Timeout <Pinentry>");
        return;
    }
    let name = turn.answer.act.name();
    if !fits(&turn.answer.act, asked) {
        conversation.note(Event::Problem(format!("the script has `{name}` for another question")));
        conversation.note(Event::Answered("cancel: the script does not fit".to_owned()));
        conversation.say_error(answer::CANCELED, CANCELLED_TEXT);
        return;
    }
    if asked != Asked::Nothing {
        conversation.note(Event::Answered(name));
    }
    match turn.answer.act {
        Act::Allow | Act::Acknowledge => conversation.say(b"OK\n"),
        Act::Deny if conversation.has_third_button() => {
            conversation.say_error(NOT_CONFIRMED, "Not confirmed <Pinentry>");
        }
        Act::Deny | Act::Cancel => conversation.say_error(answer::CANCELED, CANCELLED_TEXT),
        Act::Pin(pin) if pin.is_empty() => conversation.say(b"OK\n"),
        Act::Pin(pin) => conversation.say(&[&data_line(&pin), &b"OK\n"[..]].concat()),
        Act::Error { code, text } => conversation.say_error(code, &text),
        Act::NoDisplay => {
            conversation
                .say(format!("S ERROR curses.open_tty_for_read {NO_TERMINAL} \n").as_bytes());
            conversation.say_error(NO_TERMINAL, "No such device or address <Pinentry>");
        }
        Act::Exit => std::process::exit(1),
        Act::Kill => {
            let _ = kill_process(getpid(), Signal::KILL);
        }
        Act::Hang => hang(&conversation.script),
        Act::Say { bytes, then } => {
            conversation.say(&bytes);
            match then {
                Then::GoOn => {}
                Then::Hang => hang(&conversation.script),
                Then::SayItForEver => loop {
                    let pace = bytes.len() as u64 * 1_000_000 / BYTES_PER_SECOND;
                    std::thread::sleep(Duration::from_micros(pace));
                    conversation.say(&bytes);
                },
            }
        }
    }
}

/// Says nothing any more, whatever is said to it. It ends with the test at the latest.
pub(crate) fn hang(script: &Script) -> ! {
    let start = Instant::now();
    while !script.is_gone() && start.elapsed() < HANG_LIMIT {
        std::thread::sleep(Duration::from_millis(100));
    }
    std::process::exit(1);
}

/// Whether the wait was over before the dialog's time limit.
fn wait(conversation: &Conversation, turn: &Turn) -> bool {
    let start = Instant::now();
    let limit = conversation.time_limit().unwrap_or(HANG_LIMIT);
    let is_over = || match turn.answer.wait {
        Wait::No => true,
        Wait::Millis(millis) => start.elapsed() >= Duration::from_millis(millis),
        Wait::UntilReleased => conversation.script.is_released(turn.number),
    };
    while !is_over() {
        if start.elapsed() >= limit {
            return false;
        }
        if conversation.script.is_gone() {
            std::process::exit(1);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

fn fits(act: &Act, asked: Asked) -> bool {
    match act {
        Act::Allow | Act::Deny => asked == Asked::Question(Kind::Confirmation),
        Act::Acknowledge => asked == Asked::Question(Kind::Message),
        Act::Pin(_) => asked == Asked::Question(Kind::Pin),
        Act::Cancel | Act::NoDisplay => asked != Asked::Nothing,
        Act::Error { .. } | Act::Exit | Act::Kill | Act::Hang | Act::Say { .. } => true,
    }
}

const HANG_LIMIT: Duration = Duration::from_secs(600);

const BYTES_PER_SECOND: u64 = 4_000_000;
