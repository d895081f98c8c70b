//! A user for the tests of the steps.

use std::collections::VecDeque;
use std::thread::sleep;

use secrecy::{ExposeSecret, SecretString};

use super::pin::TOO_FAST;
use super::{Prompt, Step, Typed, ask};
use crate::question::{Answer, Question};
use crate::texts::{LANGUAGES, Texts};

/// A user who types some inputs, one at each step.
pub(super) struct User {
    pub(super) inputs: VecDeque<Input>,
    pub(super) seen: Vec<Step>,
    pub(super) room: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Input {
    Text(&'static str),
    /// The first digits on the screen.
    FirstDigits,
    /// The second digits on the screen.
    SecondDigits,
    /// Earlier than a person can type.
    Instantly(&'static str),
    Cancel,
    TimeOut,
}
pub(super) use Input::{Cancel, FirstDigits, Instantly, SecondDigits, Text, TimeOut};

impl Prompt for User {
    fn input(&mut self, step: &Step) -> Typed {
        self.seen.push(step.clone());
        let shown: Vec<&str> = step
            .text
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|word| *word != "2026")
            .collect();
        let text = match self.inputs.pop_front().expect("no further step") {
            Text(text) => {
                sleep(TOO_FAST);
                text
            }
            Instantly(text) => text,
            FirstDigits => shown[0],
            SecondDigits => shown[1],
            Cancel => return Typed::Cancelled,
            TimeOut => return Typed::TimedOut,
        };
        Typed::Text(SecretString::from(text))
    }

    fn message(&mut self, step: &Step) -> Typed {
        self.seen.push(step.clone());
        Typed::Cancelled
    }

    fn has_room(&self) -> bool {
        self.room
    }
}

/// The answer in words, and the steps.
pub(super) fn answers(question: &Question, inputs: &[Input]) -> (String, Vec<Step>) {
    let texts = Texts::new(LANGUAGES[0]);
    let mut user = User { inputs: inputs.iter().copied().collect(), seen: Vec::new(), room: true };
    let answer = match ask(&texts, question, &mut user) {
        Answer::Allowed => "allowed".to_owned(),
        Answer::Denied => "denied".to_owned(),
        Answer::Blocked => "blocked".to_owned(),
        Answer::Pin(pin) => format!("pin {}", pin.secret().expose_secret()),
        Answer::Hidden => "hidden".to_owned(),
        Answer::Cancelled => "cancelled".to_owned(),
        Answer::TimedOut => "timed out".to_owned(),
        Answer::Unavailable(reason) => reason,
    };
    assert!(user.inputs.is_empty(), "a step is missing");
    (answer, user.seen)
}
