//! Questions as plain text, for a pinentry and for a terminal. The user answers consent with shown
//! digits, so that no key alone decides.

mod consent;
mod pin;
mod text;
#[cfg(test)]
mod user;

use secrecy::{ExposeSecret, SecretString};

use crate::description::{self, Description};
use crate::digits::Digits;
use crate::question::{Answer, Question};
use crate::safe_text::join_lines;
use crate::texts::Texts;

/// One input, or a message without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The title of the window.
    pub title: String,
    /// What it is about.
    pub text: String,
    /// Why the last input was not accepted.
    pub error: Option<String>,
    /// The name of the input field.
    pub prompt: String,
    /// The label of the button that sends the input, or closes the message.
    pub ok: String,
    /// The label of the button that gives up.
    pub cancel: String,
    /// Whether the input is a PIN, rather than digits that are on the screen.
    pub secret: bool,
}

/// What the user did at a step.
pub enum Typed {
    /// They sent this text, which may be empty.
    Text(SecretString),
    /// They gave up or, at a message, closed it.
    Cancelled,
    /// They did not answer in time.
    TimedOut,
    /// The step could not be shown. The text says why.
    Unavailable(String),
}

/// A way to ask that shows plain text.
pub trait Prompt {
    /// Shows a step and waits for a line of input.
    fn input(&mut self, step: &Step) -> Typed;

    /// Shows a step that needs no input, until the user closes it.
    fn message(&mut self, step: &Step) -> Typed;

    /// Whether a text can have any length. A pinentry takes at most 1000 bytes.
    fn has_room(&self) -> bool;
}

/// Asks a question step by step.
pub fn ask(texts: &Texts, question: &Question, prompt: &mut impl Prompt) -> Answer {
    let mut dialog = Dialog { texts, prompt };
    match question {
        Question::Consent(question) => dialog.consent(question),
        Question::Pin(question) => dialog.pin(question),
        Question::Pinpad(question) => {
            let description = description::pinpad(texts, question);
            dialog.message(&description, "hide")
        }
        Question::Progress(progress) => {
            let description = description::progress(texts, progress);
            dialog.message(&description, "hide")
        }
    }
}

struct Dialog<'a, P> {
    texts: &'a Texts,
    prompt: &'a mut P,
}

/// Ends the question with this answer.
struct Ended(Answer);

impl<P: Prompt> Dialog<'_, P> {
    /// Waits until the user types some digits. `id` is the text that shows them.
    fn confirm(
        &mut self,
        description: &Description,
        id: &'static str,
        reason: Option<String>,
    ) -> Result<(), Ended> {
        let mut wrong = None;
        for _ in 0..MAX_INPUTS {
            let digits = Digits::new();
            let how = self.texts.with(id, &[("digits", digits.as_str().into())]);
            let mut step = self.step(description, Some(how), "plain-digits-prompt");
            let errors: Vec<String> = reason.iter().cloned().chain(wrong.take()).collect();
            step.error = (!errors.is_empty()).then(|| errors.join(" "));
            let input = typed(self.prompt.input(&step))?;
            if input.expose_secret().trim().is_empty() {
                break;
            }
            if digits.are(input.expose_secret()) {
                return Ok(());
            }
            wrong = Some(self.texts.text("digits-wrong"));
        }
        Err(Ended(Answer::Cancelled))
    }

    fn message(&mut self, description: &Description, ok: &'static str) -> Answer {
        let mut step = self.step(description, None, "plain-digits-prompt");
        step.ok = self.texts.text(ok);
        match self.prompt.message(&step) {
            Typed::Text(_) | Typed::Cancelled => Answer::Hidden,
            Typed::TimedOut => Answer::TimedOut,
            Typed::Unavailable(reason) => Answer::Unavailable(reason),
        }
    }

    fn step(&self, description: &Description, how: Option<String>, prompt: &'static str) -> Step {
        let mut lines = text::lines(self.texts, description);
        let text = if self.prompt.has_room() {
            lines.extend(how.map(|how| format!("\n{how}")));
            lines.join("\n")
        } else {
            // A pinentry may have to cut the text. What to type has to stay.
            lines.splice(1..1, how);
            join_lines(lines)
        };
        Step {
            title: format!("{} – pkcs11-bridge", description.title),
            text,
            error: None,
            prompt: self.texts.text(prompt),
            ok: "OK".to_owned(),
            cancel: self.texts.text("pin-cancel"),
            secret: false,
        }
    }
}

fn typed(typed: Typed) -> Result<SecretString, Ended> {
    Err(Ended(match typed {
        Typed::Text(text) => return Ok(text),
        Typed::Cancelled => Answer::Cancelled,
        Typed::TimedOut => Answer::TimedOut,
        Typed::Unavailable(reason) => Answer::Unavailable(reason),
    }))
}

/// After this many inputs that do not fit, the question is given up.
const MAX_INPUTS: usize = 3;
