//! One conversation with a client, from the greeting to the end.

use std::io::{BufReader, Stdout, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::answer::{Shutdown, Trigger, UNKNOWN_COMMAND, UNKNOWN_OPTION};
use crate::assuan::{Received, data_line, receive};
use crate::digits;
use crate::reply::{Awaited, hang, reply};
use crate::script::Script;
use crate::transcript::{self, Event, Kind};

/// The state of a conversation.
pub(crate) struct Conversation {
    folder: PathBuf,
    pub(crate) script: Script,
    output: Stdout,
    settings: Vec<(String, String)>,
    shutdown: Shutdown,
}

/// Serves the client until it sends `BYE` or closes its pipe.
pub(crate) fn run(folder: &Path) {
    let mut conversation = Conversation {
        folder: folder.to_owned(),
        script: Script::open(folder),
        output: stdout(),
        settings: Vec::new(),
        shutdown: Shutdown::Exit,
    };
    conversation.greet();
    let mut input = BufReader::new(stdin().lock());
    while conversation.handle(receive(&mut input).unwrap_or(Received::Closed)) == Next::Continue {}
    conversation.record(Event::Ended);
}

#[derive(PartialEq, Eq)]
enum Next {
    Continue,
    Exit,
}

impl Conversation {
    /// Writes bytes to the client. If the client has closed its pipe, the program exits.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.output.write_all(bytes).and_then(|()| self.output.flush()).is_err() {
            self.record(Event::Ended);
            std::process::exit(0);
        }
    }

    pub(crate) fn write_error(&mut self, code: u32, text: &str) {
        self.write(format!("ERR {code} {text}\n").as_bytes());
    }

    /// Records an event in the transcript. If the test has deleted the folder, the program exits.
    pub(crate) fn record(&self, event: Event) {
        if transcript::write(&self.folder, event).is_err() {
            std::process::exit(1);
        }
    }

    /// The digits that the dialog asks the user to type.
    pub(crate) fn shown_digits(&self) -> Vec<String> {
        let description = self.setting("SETDESC").unwrap_or_default();
        digits::shown(description).into_iter().map(str::to_owned).collect()
    }

    /// The time limit of a dialog.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        let seconds = self.setting("SETTIMEOUT")?.parse().ok().filter(|seconds| *seconds > 0);
        seconds.map(Duration::from_secs)
    }

    fn setting(&self, command: &str) -> Option<&str> {
        let mut latest = self.settings.iter().rev();
        latest.find(|(name, _)| name == command).map(|(_, parameter)| parameter.as_str())
    }

    fn greet(&mut self) {
        let entry = self.script.take(Trigger::Start).expect("a readable script");
        self.record(Event::Started { answer: entry.as_ref().map(|entry| entry.number) });
        match entry {
            None => self.write(b"OK Pleased to meet you\n"),
            Some(entry) => {
                self.shutdown = entry.answer.shutdown;
                reply(self, entry, Awaited::Greeting);
            }
        }
    }

    fn handle(&mut self, received: Received) -> Next {
        let (name, parameter) = match received {
            Received::Command { name, parameter, is_utf8 } => {
                if !is_utf8 {
                    self.record(Event::Problem(format!("{name} {parameter}: not UTF-8")));
                }
                (name, parameter)
            }
            Received::TooLong => {
                // A real pinentry exits here, with this text on standard error.
                self.record(Event::Problem("Line passed to IPC too long".to_owned()));
                return Next::Exit;
            }
            Received::Closed => return self.shut_down(),
        };
        match name.as_str() {
            "GETPIN" => self.ask_for_text(),
            "CONFIRM" if parameter == "--one-button" => self.show_dialog(Kind::Message),
            "CONFIRM" => self.show_dialog(Kind::Confirmation),
            "MESSAGE" => self.show_dialog(Kind::Message),
            "BYE" => {
                let next = self.shut_down();
                self.write(b"OK closing connection\n");
                return next;
            }
            "OPTION" if !OPTIONS.contains(&parameter.split('=').next().unwrap_or_default()) => {
                self.record(Event::Problem(format!("OPTION {parameter}")));
                self.write_error(UNKNOWN_OPTION, "Unknown option <Pinentry>");
            }
            "RESET" => {
                self.settings.clear();
                self.write(b"OK\n");
            }
            _ if SETTINGS.contains(&name.as_str()) => {
                self.settings.push((name, parameter));
                self.write(b"OK\n");
            }
            "" | "NOP" => self.write(b"OK\n"),
            _ => {
                self.record(Event::Problem(format!("{name}: not a pinentry command")));
                self.write_error(UNKNOWN_COMMAND, "Unknown IPC command <User defined source 1>");
            }
        }
        Next::Continue
    }

    /// Shows a dialog with a text field. The prompt says whether the text is a PIN.
    fn ask_for_text(&mut self) {
        let digits = self.shown_digits();
        match (self.setting("SETPROMPT") == Some("Digits:"), &digits[..]) {
            (false, _) => self.show_dialog(Kind::Pin),
            (true, [_, _]) => self.show_dialog(Kind::Consent),
            (true, [first]) if self.is_before_pin() => {
                self.record(Event::Confirmed { settings: self.settings.clone() });
                self.write(&[&data_line(first), &b"OK\n"[..]].concat());
                self.settings.retain(|(name, _)| name != "SETERROR");
            }
            _ => self.show_dialog(Kind::Digits),
        }
    }

    /// Whether the dialog asks for digits before a PIN, and the user means to enter a PIN.
    fn is_before_pin(&self) -> bool {
        let next = self.script.next().expect("a readable script");
        let description = self.setting("SETDESC").unwrap_or_default();
        description.contains("first type") && next.is_some_and(|answer| answer.is_pin())
    }

    fn show_dialog(&mut self, kind: Kind) {
        let entry = self.script.take(Trigger::Question).expect("a readable script");
        let answer = entry.as_ref().map(|entry| entry.number);
        self.record(Event::Opened { kind, settings: self.settings.clone(), answer });
        match entry {
            Some(entry) => {
                self.shutdown = entry.answer.shutdown;
                reply(self, entry, Awaited::Answer(kind));
            }
            None => {
                self.record(Event::Answered("cancel: end of the script".to_owned()));
                self.write_error(crate::answer::CANCELED, CANCELLED_TEXT);
            }
        }
        // A real pinentry shows an error only once.
        self.settings.retain(|(name, _)| name != "SETERROR");
    }

    /// Ends the conversation, or hangs if the script says so.
    fn shut_down(&mut self) -> Next {
        if self.shutdown == Shutdown::Linger {
            hang(&self.script);
        }
        Next::Exit
    }
}

pub(crate) const CANCELLED_TEXT: &str = "Operation cancelled <Pinentry>";

const SETTINGS: [&str; 15] = [
    "OPTION",
    "SETTITLE",
    "SETDESC",
    "SETPROMPT",
    "SETERROR",
    "SETOK",
    "SETNOTOK",
    "SETCANCEL",
    "SETTIMEOUT",
    "SETREPEAT",
    "SETREPEATERROR",
    "SETREPEATOK",
    "SETQUALITYBAR",
    "SETQUALITYBAR_TT",
    "SETKEYINFO",
];

/// The options of pinentry 1.2 that a client may use.
const OPTIONS: [&str; 16] = [
    "ttyname",
    "ttytype",
    "ttyalert",
    "lc-ctype",
    "lc-messages",
    "display",
    "grab",
    "no-grab",
    "parent-wid",
    "touch-file",
    "owner",
    "invisible-char",
    "default-ok",
    "default-cancel",
    "default-prompt",
    "allow-external-password-cache",
];
