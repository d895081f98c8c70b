//! Questions as plain text, for a pinentry and for a terminal. The user answers consent with shown
//! digits, so that no key alone decides.

use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::pin::Pin;
use secrecy::{ExposeSecret, SecretString};

use crate::description::{self, Description, Level, Notice, RowValue};
use crate::digits::Digits;
use crate::question::{Answer, ConsentQuestion, PinQuestion, Purpose, Question};
use crate::safe_text::{isolate, join_lines, make_safe};
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
    fn consent(&mut self, question: &ConsentQuestion) -> Answer {
        let description = description::consent(self.texts, question);
        let mut error = None;
        for _ in 0..MAX_INPUTS {
            let allow = Digits::new();
            let block = Digits::other_than(&allow);
            let values = [("allow", allow.as_str().into()), ("block", block.as_str().into())];
            let how = self.texts.with("plain-consent", &values);
            let mut step = self.step(&description, Some(how), "plain-digits-prompt");
            step.ok = self.texts.text("consent-allow");
            step.cancel = self.texts.text("consent-deny");
            step.error = error;
            match self.prompt.input(&step) {
                Typed::Text(typed) if allow.are(typed.expose_secret()) => return Answer::Allowed,
                Typed::Text(typed) if block.are(typed.expose_secret()) => return Answer::Blocked,
                Typed::Text(typed) if !typed.expose_secret().trim().is_empty() => {
                    error = Some(self.texts.text("digits-wrong"));
                }
                Typed::Text(_) | Typed::Cancelled => return Answer::Denied,
                Typed::TimedOut => return Answer::TimedOut,
                Typed::Unavailable(reason) => return Answer::Unavailable(reason),
            }
        }
        Answer::Denied
    }

    fn pin(&mut self, question: &PinQuestion) -> Answer {
        match self.try_pin(question) {
            Ok(pin) => Answer::Pin(pin),
            Err(Ended(answer)) => answer,
        }
    }

    fn try_pin(&mut self, question: &PinQuestion) -> Result<Pin, Ended> {
        let mut description = description::pin(self.texts, question);
        // Both ways have a place of their own for it.
        let has_problem = question.problem.is_some();
        let mut error = has_problem.then(|| description.notices.remove(0).text);
        if question.confirm_first {
            self.confirm(&description, "pin-confirm", error.take())?;
        }
        for _ in 0..MAX_INPUTS {
            let empty = self.texts.text("plain-pin-empty");
            let mut step = self.step(&description, Some(empty), "plain-pin-prompt");
            step.ok = self.texts.text(match question.purpose {
                Purpose::Authenticate => "pin-log-in",
                _ => "pin-sign",
            });
            step.secret = true;
            step.error = error.take();
            let start = Instant::now();
            let pin = Pin::from(typed(self.prompt.input(&step))?);
            if pin.is_empty() {
                break;
            }
            if start.elapsed() < TOO_FAST {
                error = Some(self.texts.text("problem-too-fast"));
                continue;
            }
            let unusual = description::unusual_length(self.texts, question.lengths, pin.len());
            let Some(unusual) = unusual else { return Ok(pin) };
            match self.confirm(&description, "plain-send-anyway", Some(unusual)) {
                Ok(()) => return Ok(pin),
                Err(Ended(Answer::Cancelled)) => {}
                Err(ended) => return Err(ended),
            }
        }
        Err(Ended(Answer::Cancelled))
    }

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
        let mut lines = lines(self.texts, description);
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

/// The most important lines come first, because a pinentry cuts off the end of a long text.
fn lines(texts: &Texts, description: &Description) -> Vec<String> {
    let Description { title: _, heading, origin, notices, grants, rows, consequence } = description;
    let mut lines = vec![heading.clone(), String::new()];
    // Both ends have to stay, because the end of an origin says who owns it.
    let origin = make_safe(&origin.text(), MAX_SITE);
    lines.push(format!("{}: {}", texts.text("row-site"), isolate(&origin)));
    lines.extend(notices.iter().map(notice));
    if let Some(grants) = grants {
        lines.push(grants.intro.clone());
        lines.extend(grants.items.iter().map(|item| format!("- {item}")));
    }
    for row in rows {
        let value = match &row.value {
            RowValue::Text { main, more: None } | RowValue::Text { more: Some(main), .. } => {
                isolate(main)
            }
            RowValue::List(names) => names.join(", "),
            RowValue::Hash { kind, hex } => format!("{kind} {hex}"),
        };
        let note = row.note.iter().map(|note| format!(" ({note})")).collect::<String>();
        lines.push(format!("{}: {value}{note}", row.label));
    }
    lines.extend(consequence.clone());
    lines
}

fn notice(notice: &Notice) -> String {
    match notice.level {
        Level::Info => notice.text.clone(),
        Level::Warning | Level::Danger => format!("⚠ {}", notice.text),
    }
}

/// A DNS name has at most 253 bytes.
const MAX_SITE: usize = 300;
/// After this many inputs that do not fit, the question is given up.
const MAX_INPUTS: usize = 3;
/// A person needs longer to read the question and to type a PIN.
const TOO_FAST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::question::{PinLengths, PinProblem};
    use crate::samples;
    use crate::texts::LANGUAGES;

    /// A user who types some inputs, one at each step.
    struct User {
        inputs: VecDeque<Input>,
        seen: Vec<Step>,
        room: bool,
    }

    #[derive(Clone, Copy)]
    enum Input {
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
    use Input::{Cancel, FirstDigits, Instantly, SecondDigits, Text, TimeOut};

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
                    std::thread::sleep(TOO_FAST);
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
    fn answers(question: &Question, inputs: &[Input]) -> (String, Vec<Step>) {
        let texts = Texts::new(LANGUAGES[0]);
        let mut user =
            User { inputs: inputs.iter().copied().collect(), seen: Vec::new(), room: true };
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

    #[test]
    fn only_the_shown_digits_allow_or_block_a_site() {
        let question = Question::Consent(samples::consent());
        for (inputs, answer) in [
            (&[FirstDigits][..], "allowed"),
            (&[SecondDigits], "blocked"),
            (&[Instantly("")], "denied"),
            (&[Instantly("yes"), Instantly(" ")], "denied"),
            (&[Instantly("y"), Instantly("hello world"), FirstDigits], "allowed"),
            (&[Instantly("y"), Instantly("y"), Instantly("y")], "denied"),
            (&[Cancel], "denied"),
            (&[TimeOut], "timed out"),
        ] {
            assert_eq!(answers(&question, inputs).0, answer);
        }
    }

    #[test]
    fn a_pin_after_a_wrong_one_needs_digits_first() {
        let mut question = samples::pin();
        let pin = |question: &PinQuestion, inputs: &[Input]| {
            answers(&Question::Pin(question.clone()), inputs)
        };
        assert_eq!(pin(&question, &[Text("123456")]).0, "pin 123456");
        assert_eq!(pin(&question, &[Instantly("123456"), Text("654321")]).0, "pin 654321");
        assert_eq!(pin(&question, &[Instantly("")]).0, "cancelled");
        assert_eq!(pin(&question, &[Cancel]).0, "cancelled");

        question.confirm_first = true;
        question.problem = Some(PinProblem::Wrong);
        let (answer, steps) = pin(&question, &[FirstDigits, Text("123456")]);
        assert_eq!(answer, "pin 123456");
        assert_eq!(steps[0].error.as_deref(), Some("That PIN was wrong."));
        assert_eq!(steps.iter().map(|step| step.secret).collect::<Vec<_>>(), [false, true]);
        let stray = [Instantly("hello"), Instantly("123456"), Instantly("x")];
        assert_eq!(pin(&question, &stray).0, "cancelled");
    }

    #[test]
    fn a_pin_of_an_unusual_length_is_sent_if_the_user_confirms_it() {
        let mut question = samples::pin();
        question.lengths = PinLengths { min: 6, max: Some(8) };
        let question = Question::Pin(question);
        for (inputs, answer) in [
            (&[Text("1234"), FirstDigits][..], "pin 1234"),
            (&[Text("123456789"), FirstDigits], "pin 123456789"),
            (&[Text("1234"), Instantly(""), Text("123456")], "pin 123456"),
            (&[Text("1234"), Cancel, Text("123456")], "pin 123456"),
        ] {
            let (typed, steps) = answers(&question, inputs);
            assert_eq!(typed, answer);
            assert!(steps[1].error.as_deref().unwrap().contains("Send it anyway?"));
        }
    }

    #[test]
    fn a_pinentry_gets_no_line_that_is_too_long() {
        for language in LANGUAGES {
            let texts = Texts::new(language);
            for question in samples::all() {
                let inputs = [Cancel].into_iter().collect();
                let mut user = User { inputs, seen: Vec::new(), room: false };
                ask(&texts, &question, &mut user);
                for step in user.seen {
                    // The crate pinentry escapes line feeds with three bytes.
                    let len = step.text.len() + 2 * step.text.matches('\n').count();
                    assert!(len <= 960, "{len}: {}", step.text);
                }
            }
        }
    }
}
