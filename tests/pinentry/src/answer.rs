//! What the scripted pinentry does when its turn comes: answer as a person would, fail, or misbehave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One turn of the script. It may hold a PIN, hence no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub struct Answer {
    pub(crate) at: Moment,
    pub(crate) wait: Wait,
    pub(crate) act: Act,
    pub(crate) goodbye: Goodbye,
}

/// When it is this answer's turn.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Moment {
    /// In place of the greeting.
    Start,
    /// At the next question: `GETPIN`, `CONFIRM` or `MESSAGE`.
    Question,
}

/// How long the dialog stays open before.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Wait {
    No,
    Millis(u64),
    UntilReleased,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Act {
    /// To `CONFIRM`: the affirmative button.
    Allow,
    /// To `CONFIRM`: the other button.
    Deny,
    /// To `MESSAGE`: its only button.
    Acknowledge,
    /// To `GETPIN`.
    Pin(String),
    /// To any question: the window is closed.
    Cancel,
    /// To any question.
    Error {
        code: u32,
        text: String,
    },
    NoDisplay,
    Exit,
    Kill,
    Hang,
    Say {
        bytes: Vec<u8>,
        then: Then,
    },
}

/// What follows upon bytes that were said as they are.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Then {
    GoOn,
    Hang,
    SayItForEver,
}

/// What comes of `BYE` and a closed pipe.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Goodbye {
    Leave,
    Linger,
}

impl Answer {
    /// To a confirmation: yes.
    pub fn allow() -> Self {
        Self::act(Act::Allow)
    }

    /// To a confirmation: no, by its button. As with real ones, that is "not confirmed" where there is
    /// a third button, and "cancelled" where there are two.
    pub fn deny() -> Self {
        Self::act(Act::Deny)
    }

    /// To a message: seen.
    pub fn acknowledge() -> Self {
        Self::act(Act::Acknowledge)
    }

    /// To a request for a PIN, which may be empty.
    pub fn pin(pin: &str) -> Self {
        Self::act(Act::Pin(pin.to_owned()))
    }

    /// To any question: the window is closed.
    pub fn cancel() -> Self {
        Self::act(Act::Cancel)
    }

    /// To any question: nobody was there in time.
    pub fn time_out() -> Self {
        Self::error(TIMEOUT, "Timeout <Pinentry>")
    }

    /// To any question: an error of libgpg-error, its source in the upper bits.
    pub fn error(code: u32, text: &str) -> Self {
        Self::act(Act::Error { code, text: text.to_owned() })
    }

    /// What real ones say to any question where they have neither display nor terminal.
    pub fn no_display() -> Self {
        Self::act(Act::NoDisplay)
    }

    /// Ends without a word.
    pub fn exit() -> Self {
        Self::act(Act::Exit)
    }

    /// Is killed, by itself.
    pub fn killed() -> Self {
        Self::act(Act::Kill)
    }

    /// Says nothing for ever. A closed pipe does not end it, nor does its own time limit.
    pub fn hang() -> Self {
        Self::act(Act::Hang)
    }

    /// Says some bytes in place of an answer, then goes on as if nothing had happened.
    pub fn write(bytes: impl AsRef<[u8]>) -> Self {
        Self::act(Act::Say { bytes: bytes.as_ref().to_vec(), then: Then::GoOn })
    }

    /// Says some bytes in place of an answer, then hangs.
    pub fn write_and_hang(bytes: impl AsRef<[u8]>) -> Self {
        Self::act(Act::Say { bytes: bytes.as_ref().to_vec(), then: Then::Hang })
    }

    /// A line that never ends, 4 MB of it each second.
    pub fn endless_line() -> Self {
        Self::act(Act::Say { bytes: vec![b'x'; 64 * 1024], then: Then::SayItForEver })
    }

    /// Short comment lines (`# …`) without an end, 4 MB of them each second.
    pub fn endless_comments() -> Self {
        Self::act(Act::Say { bytes: b"# still thinking\n".repeat(3855), then: Then::SayItForEver })
    }

    /// Every byte there is, line ends among them.
    pub fn binary() -> Self {
        Self::write((0..=u8::MAX).rev().collect::<Vec<_>>())
    }

    /// A PIN that is not UTF-8.
    pub fn invalid_utf8() -> Self {
        Self::write(b"D \xff\xfe\xc3\x28\nOK\n")
    }

    /// A PIN of a megabyte.
    pub fn megabyte() -> Self {
        Self::write([b"D ", "7".repeat(1 << 20).as_bytes(), b"\nOK\n"].concat())
    }

    /// It is its turn when the program starts, before the greeting, and not at a question.
    pub fn at_start(self) -> Self {
        Self { at: Moment::Start, ..self }
    }

    /// The dialog stays open for a while first. Like a real one it gives up at the time limit that it
    /// was given.
    pub fn after(self, time: Duration) -> Self {
        let millis = time.as_millis().try_into().expect("a short time");
        Self { wait: Wait::Millis(millis), ..self }
    }

    /// The dialog stays open until the test releases it. Like a real one it gives up at the time limit
    /// that it was given.
    pub fn held(self) -> Self {
        Self { wait: Wait::UntilReleased, ..self }
    }

    /// Having answered, it neither answers `BYE` nor ends.
    pub fn lingering(self) -> Self {
        Self { goodbye: Goodbye::Linger, ..self }
    }

    /// The PIN, for those who search for it where it must not be.
    pub fn secret(&self) -> Option<&str> {
        match &self.act {
            Act::Pin(pin) => Some(pin),
            _ => None,
        }
    }

    fn act(act: Act) -> Self {
        Self { at: Moment::Question, wait: Wait::No, act, goodbye: Goodbye::Leave }
    }
}

impl Act {
    /// What stands in the transcript.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Allow => "allow".to_owned(),
            Self::Deny => "deny".to_owned(),
            Self::Acknowledge => "acknowledge".to_owned(),
            Self::Pin(_) => "pin".to_owned(),
            Self::Cancel => "cancel".to_owned(),
            Self::Error { code: TIMEOUT, .. } => TIME_OUT_NAME.to_owned(),
            Self::Error { code, .. } => format!("error {code}"),
            Self::NoDisplay => "no display".to_owned(),
            Self::Exit => "exit".to_owned(),
            Self::Kill => "kill".to_owned(),
            Self::Hang => "hang".to_owned(),
            Self::Say { .. } => "say".to_owned(),
        }
    }
}

/// The transcript's name for a dialog that reached its time limit.
pub(crate) const TIME_OUT_NAME: &str = "time-out";

/// `GPG_ERR_TIMEOUT` of libgpg-error, as the pinentry says it, as are the next ones.
pub const TIMEOUT: u32 = PINENTRY + 62;

/// `GPG_ERR_CANCELED`.
pub const CANCELED: u32 = PINENTRY + 99;

/// `GPG_ERR_NOT_CONFIRMED`.
pub const NOT_CONFIRMED: u32 = PINENTRY + 114;

/// `GPG_ERR_ENXIO`, where the terminal cannot be opened.
pub const NO_TERMINAL: u32 = PINENTRY + 32_872;

/// `GPG_ERR_UNKNOWN_OPTION`
pub(crate) const UNKNOWN_OPTION: u32 = PINENTRY + 174;

/// `GPG_ERR_ASS_UNKNOWN_CMD`, whose source is the one that users define.
pub(crate) const UNKNOWN_COMMAND: u32 = (32 << 24) + 275;

/// `GPG_ERR_SOURCE_PINENTRY` in its place.
const PINENTRY: u32 = 5 << 24;
