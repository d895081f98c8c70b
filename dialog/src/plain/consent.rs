//! Consent in plain text: the user types shown digits.

use secrecy::ExposeSecret;

use super::{Dialog, MAX_INPUTS, Prompt, Typed};
use crate::description;
use crate::digits::Digits;
use crate::question::{Answer, ConsentQuestion};

impl<P: Prompt> Dialog<'_, P> {
    pub(super) fn consent(&mut self, question: &ConsentQuestion) -> Answer {
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
}

#[cfg(test)]
mod tests {
    use crate::plain::user::{Cancel, FirstDigits, Instantly, SecondDigits, TimeOut, answers};
    use crate::question::Question;
    use crate::samples;

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
}
