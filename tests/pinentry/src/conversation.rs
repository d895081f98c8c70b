//! One conversation with a client, from the greeting to the goodbye.

use std::io::{BufReader, Stdout, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::answer::{Goodbye, Moment, UNKNOWN_COMMAND, UNKNOWN_OPTION};
use crate::assuan::{Received, receive};
use crate::play::{Asked, hang, play};
use crate::script::Script;
use crate::transcript::{self, Event, Kind};

/// What this program says and remembers.
pub(crate) struct Conversation {
    folder: PathBuf,
    pub(crate) script: Script,
    output: Stdout,
    settings: Vec<(String, String)>,
    goodbye: Goodbye,
}

/// Holds it until the client says goodbye or closes its pipe.
pub(crate) fn hold(folder: &Path) {
    let mut conversation = Conversation {
        folder: folder.to_owned(),
        script: Script::open(folder),
        output: stdout(),
        settings: Vec::new(),
        goodbye: Goodbye::Leave,
    };
    conversation.greet();
    let mut input = BufReader::new(stdin().lock());
    while conversation.hear(receive(&mut input).unwrap_or(Received::Closed)) == Next::Listen {}
    conversation.note(Event::Ended);
}

#[derive(PartialEq, Eq)]
enum Next {
    Listen,
    Leave,
}

impl Conversation {
    /// Says something as it is. A client that does not listen any more ends the program.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        if self.output.write_all(bytes).and_then(|()| self.output.flush()).is_err() {
            self.note(Event::Ended);
            std::process::exit(0);
        }
    }

    pub(crate) fn say_error(&mut self, code: u32, text: &str) {
        self.say(format!("ERR {code} {text}\n").as_bytes());
    }

    /// Writes an event down. Where the test is over there is nobody to write for.
    pub(crate) fn note(&self, event: Event) {
        if transcript::write(&self.folder, event).is_err() {
            std::process::exit(1);
        }
    }

    /// Whether the dialog has a third button.
    pub(crate) fn has_third_button(&self) -> bool {
        self.setting("SETNOTOK").is_some()
    }

    /// After how long a dialog gives up.
    pub(crate) fn time_limit(&self) -> Option<Duration> {
        let seconds = self.setting("SETTIMEOUT")?.parse().ok().filter(|seconds| *seconds > 0);
        seconds.map(Duration::from_secs)
    }

    fn setting(&self, command: &str) -> Option<&str> {
        let mut latest = self.settings.iter().rev();
        latest.find(|(name, _)| name == command).map(|(_, parameter)| parameter.as_str())
    }

    fn greet(&mut self) {
        let turn = self.script.take(Moment::Start).expect("a script that can be read");
        self.note(Event::Started { answer: turn.as_ref().map(|turn| turn.number) });
        match turn {
            None => self.say(b"OK Pleased to meet you\n"),
            Some(turn) => {
                self.goodbye = turn.answer.goodbye;
                play(self, turn, Asked::Nothing);
            }
        }
    }

    fn hear(&mut self, received: Received) -> Next {
        let (name, parameter) = match received {
            Received::Command { name, parameter, is_utf8 } => {
                if !is_utf8 {
                    self.note(Event::Problem(format!("{name} {parameter}: not UTF-8")));
                }
                (name, parameter)
            }
            Received::TooLong => {
                // Real ones end there and then, with these words on standard error.
                self.note(Event::Problem("Line passed to IPC too long".to_owned()));
                return Next::Leave;
            }
            Received::Closed => return self.part(),
        };
        match name.as_str() {
            "GETPIN" => self.ask(Kind::Pin),
            "CONFIRM" if parameter == "--one-button" => self.ask(Kind::Message),
            "CONFIRM" => self.ask(Kind::Confirmation),
            "MESSAGE" => self.ask(Kind::Message),
            "BYE" => {
                let next = self.part();
                self.say(b"OK closing connection\n");
                return next;
            }
            "OPTION" if !OPTIONS.contains(&parameter.split('=').next().unwrap_or_default()) => {
                self.note(Event::Problem(format!("OPTION {parameter}")));
                self.say_error(UNKNOWN_OPTION, "Unknown option <Pinentry>");
            }
            "RESET" => {
                self.settings.clear();
                self.say(b"OK\n");
            }
            _ if SETTINGS.contains(&name.as_str()) => {
                self.settings.push((name, parameter));
                self.say(b"OK\n");
            }
            "" | "NOP" => self.say(b"OK\n"),
            _ => {
                self.note(Event::Problem(format!("{name}: no command of a pinentry")));
                self.say_error(UNKNOWN_COMMAND, "Unknown IPC command <User defined source 1>");
            }
        }
        Next::Listen
    }

    fn ask(&mut self, kind: Kind) {
        let turn = self.script.take(Moment::Question).expect("a script that can be read");
        let answer = turn.as_ref().map(|turn| turn.number);
        self.note(Event::Opened { kind, settings: self.settings.clone(), answer });
        match turn {
            Some(turn) => {
                self.goodbye = turn.answer.goodbye;
                play(self, turn, Asked::Question(kind));
            }
            None => {
                self.note(Event::Answered("cancel: the script is at its end".to_owned()));
                self.say_error(crate::answer::CANCELED, CANCELLED_TEXT);
            }
        }
        // A real one shows an error once.
        self.settings.retain(|(name, _)| name != "SETERROR");
    }

    /// What comes of a goodbye.
    fn part(&mut self) -> Next {
        if self.goodbye == Goodbye::Linger {
            hang(&self.script);
        }
        Next::Leave
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

/// Those that pinentry 1.2 knows and a client such as ours may use.
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
