//! The PIN in plain text. After a wrong one, and for one of an unusual length, the user types shown
//! digits.

use std::time::{Duration, Instant};

use pkcs11_bridge_protocol::pin::Pin;

use super::{Dialog, Ended, MAX_INPUTS, Prompt, typed};
use crate::description;
use crate::question::{Answer, PinQuestion, Purpose};

impl<P: Prompt> Dialog<'_, P> {
    pub(super) fn pin(&mut self, question: &PinQuestion) -> Answer {
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
                Purpose::Authenticate | Purpose::ListCertificates | Purpose::ListKeys => {
                    "pin-log-in"
                }
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
}

/// A person needs longer to read the question and to type a PIN.
pub(super) const TOO_FAST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use crate::plain::user::{Cancel, FirstDigits, Input, Instantly, Text, answers};
    use crate::question::{PinLengths, PinProblem, PinQuestion, Question};
    use crate::samples;

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
}
