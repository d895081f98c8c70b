//! The entries of the script: the pinentry answers as a user would, fails, or misbehaves.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One entry of the script. It may contain a PIN, therefore it has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    pub(crate) trigger: Trigger,
    pub(crate) wait: Wait,
    pub(crate) action: Action,
    pub(crate) shutdown: Shutdown,
    pub(crate) pace: Pace,
}

/// How quickly the user types a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Pace {
    Person,
    Instant,
}

/// When the pinentry uses an answer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trigger {
    /// At the start, instead of the greeting.
    Start,
    /// At the next question: `GETPIN`, `CONFIRM` or `MESSAGE`.
    Question,
}

/// How long the dialog stays open before the answer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wait {
    No,
    Millis(u64),
    UntilReleased,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Action {
    /// For the question about a site: the digits that allow it.
    Allow,
    /// For the question about a site: the digits that block it.
    Block,
    /// For the question about a site: the negative button.
    Deny,
    /// For any question with digits.
    Type(String),
    /// For the question whether to send a PIN of an unusual length: the digits.
    Digits,
    /// For `MESSAGE`: its only button.
    Acknowledge,
    /// For `GETPIN`.
    Pin(String),
    /// For any question: the user closes the window.
    Cancel,
    /// For any question.
    Error {
        code: u32,
        text: String,
    },
    NoDisplay,
    Exit,
    Kill,
    Hang,
    Write {
        bytes: Vec<u8>,
        then: AfterWrite,
    },
}

/// What the pinentry does after it has written bytes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum AfterWrite {
    Continue,
    Hang,
    RepeatForever,
}

/// What the pinentry does on `BYE` and on a closed pipe.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shutdown {
    Exit,
    Linger,
}

impl Answer {
    /// The user types the digits that allow a site.
    pub fn allow() -> Self {
        Self::action(Action::Allow)
    }

    /// The user types the digits that block a site.
    pub fn block() -> Self {
        Self::action(Action::Block)
    }

    /// The user denies a site by the button. As a real pinentry does, this one then reports
    /// "cancelled".
    pub fn deny() -> Self {
        Self::action(Action::Deny)
    }

    /// The user types this text where digits are asked for.
    pub fn typed(text: &str) -> Self {
        Self::action(Action::Type(text.to_owned()))
    }

    /// The user types the digits that send a PIN of an unusual length.
    pub fn digits() -> Self {
        Self::action(Action::Digits)
    }

    /// The user acknowledges a message.
    pub fn acknowledge() -> Self {
        Self::action(Action::Acknowledge)
    }

    /// The user enters a PIN, which may be empty. If the bridge asks for digits before a PIN, the
    /// user types them first.
    pub fn pin(pin: &str) -> Self {
        Self::action(Action::Pin(pin.to_owned()))
    }

    /// The user closes the window of any question.
    pub fn cancel() -> Self {
        Self::action(Action::Cancel)
    }

    /// The user does not answer any question in time.
    pub fn time_out() -> Self {
        Self::error(TIMEOUT, "Timeout <Pinentry>")
    }

    /// An error of libgpg-error for any question. The upper bits of `code` are the source.
    pub fn error(code: u32, text: &str) -> Self {
        Self::action(Action::Error { code, text: text.to_owned() })
    }

    /// The error of a real pinentry that has neither a display nor a terminal.
    pub fn no_display() -> Self {
        Self::action(Action::NoDisplay)
    }

    /// Exits without an answer.
    pub fn exit() -> Self {
        Self::action(Action::Exit)
    }

    /// Kills itself.
    pub fn killed() -> Self {
        Self::action(Action::Kill)
    }

    /// Hangs. Neither a closed pipe nor the time limit of the dialog ends it.
    pub fn hang() -> Self {
        Self::action(Action::Hang)
    }

    /// Writes bytes instead of an answer, then continues normally.
    pub fn write(bytes: impl AsRef<[u8]>) -> Self {
        Self::action(Action::Write { bytes: bytes.as_ref().to_vec(), then: AfterWrite::Continue })
    }

    /// Writes bytes instead of an answer, then hangs.
    pub fn write_and_hang(bytes: impl AsRef<[u8]>) -> Self {
        Self::action(Action::Write { bytes: bytes.as_ref().to_vec(), then: AfterWrite::Hang })
    }

    /// Writes an endless line, 4 MB per second.
    pub fn endless_line() -> Self {
        Self::action(Action::Write {
            bytes: vec![b'x'; 64 * 1024],
            then: AfterWrite::RepeatForever,
        })
    }

    /// Writes short comment lines (`# …`) without end, 4 MB per second.
    pub fn endless_comments() -> Self {
        Self::action(Action::Write {
            bytes: b"# still thinking\n".repeat(3855),
            then: AfterWrite::RepeatForever,
        })
    }

    /// Writes every byte value, line ends among them.
    pub fn binary() -> Self {
        Self::write((0..=u8::MAX).rev().collect::<Vec<_>>())
    }

    /// Answers with a PIN that is not UTF-8.
    pub fn invalid_utf8() -> Self {
        Self::write(b"D \xff\xfe\xc3\x28\nOK\n")
    }

    /// Answers with a PIN of one megabyte.
    pub fn megabyte() -> Self {
        Self::write([b"D ", "7".repeat(1 << 20).as_bytes(), b"\nOK\n"].concat())
    }

    /// Uses this answer at the start of the program, instead of the greeting.
    pub fn at_start(self) -> Self {
        Self { trigger: Trigger::Start, ..self }
    }

    /// Keeps the dialog open for a while first. As a real one, it ends at the time limit
    /// of the dialog.
    pub fn after(self, time: Duration) -> Self {
        let millis = time.as_millis().try_into().expect("a short time");
        Self { wait: Wait::Millis(millis), ..self }
    }

    /// Keeps the dialog open until the test releases it. As a real one, it ends at the time limit
    /// of the dialog.
    pub fn held(self) -> Self {
        Self { wait: Wait::UntilReleased, ..self }
    }

    /// Types a PIN sooner than a person can, as text that was meant for another window.
    pub fn instantly(self) -> Self {
        Self { pace: Pace::Instant, ..self }
    }

    /// After the answer, the program neither answers `BYE` nor exits.
    pub fn lingering(self) -> Self {
        Self { shutdown: Shutdown::Linger, ..self }
    }

    /// The PIN, so that the tests can look for it in places where it must not be.
    pub fn secret(&self) -> Option<&str> {
        match &self.action {
            Action::Pin(pin) => Some(pin),
            _ => None,
        }
    }

    /// Whether the answer is a PIN that the user types.
    pub(crate) fn is_typed_pin(&self) -> bool {
        matches!(&self.action, Action::Pin(pin) if !pin.is_empty()) && self.pace == Pace::Person
    }

    /// Whether the user means to enter a PIN.
    pub(crate) fn is_pin(&self) -> bool {
        matches!(self.action, Action::Pin(_))
    }

    fn action(action: Action) -> Self {
        Self {
            trigger: Trigger::Question,
            wait: Wait::No,
            action,
            shutdown: Shutdown::Exit,
            pace: Pace::Person,
        }
    }
}

impl Action {
    /// The name in the transcript.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Allow => "allow".to_owned(),
            Self::Block => "block".to_owned(),
            Self::Deny => "deny".to_owned(),
            Self::Type(_) => "typed".to_owned(),
            Self::Digits => "digits".to_owned(),
            Self::Acknowledge => "acknowledge".to_owned(),
            Self::Pin(_) => "pin".to_owned(),
            Self::Cancel => "cancel".to_owned(),
            Self::Error { code: TIMEOUT, .. } => TIME_OUT_NAME.to_owned(),
            Self::Error { code, .. } => format!("error {code}"),
            Self::NoDisplay => "no display".to_owned(),
            Self::Exit => "exit".to_owned(),
            Self::Kill => "kill".to_owned(),
            Self::Hang => "hang".to_owned(),
            Self::Write { .. } => "write".to_owned(),
        }
    }
}

/// The name in the transcript for a dialog that reached its time limit.
pub(crate) const TIME_OUT_NAME: &str = "time-out";

/// `GPG_ERR_TIMEOUT` of libgpg-error, with the pinentry as its source. So are the next codes.
pub const TIMEOUT: u32 = PINENTRY + 62;

/// `GPG_ERR_CANCELED`.
pub const CANCELED: u32 = PINENTRY + 99;

/// `GPG_ERR_ENXIO`: the terminal cannot be opened.
pub const NO_TERMINAL: u32 = PINENTRY + 32_872;

/// `GPG_ERR_UNKNOWN_OPTION`
pub(crate) const UNKNOWN_OPTION: u32 = PINENTRY + 174;

/// `GPG_ERR_ASS_UNKNOWN_CMD`, with the source `GPG_ERR_SOURCE_USER_1`.
pub(crate) const UNKNOWN_COMMAND: u32 = (32 << 24) + 275;

/// `GPG_ERR_SOURCE_PINENTRY` in the upper bits.
const PINENTRY: u32 = 5 << 24;
