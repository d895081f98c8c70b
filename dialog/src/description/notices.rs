//! What the user has to know before they answer.

use super::{Level, Notice};
use crate::origin::ShownOrigin;
use crate::question::{PinLengths, PinProblem, PinQuestion, TriesLeft};
use crate::safe_text::isolate;
use crate::texts::Texts;

pub(super) fn about_origin(texts: &Texts, origin: &ShownOrigin) -> Vec<Notice> {
    let mut notices = Vec::new();
    if let Some(name) = &origin.unicode_host {
        let text = texts.with("site-punycode", &[("name", isolate(name).into())]);
        notices.push(Notice::new(Level::Warning, text));
    }
    if origin.insecure {
        notices.push(Notice::new(Level::Warning, texts.text("site-insecure")));
    }
    notices
}

pub(super) fn problem(texts: &Texts, problem: Option<PinProblem>) -> Option<Notice> {
    let id = match problem? {
        PinProblem::Wrong => "problem-wrong",
        PinProblem::NotAccepted => "problem-not-accepted",
        PinProblem::Changed => "problem-changed",
    };
    Some(Notice::new(Level::Danger, texts.text(id)))
}

pub(super) fn tries(texts: &Texts, question: &PinQuestion) -> Option<Notice> {
    Some(match question.tries {
        TriesLeft::Unknown => return None,
        // The notice before this one says that the PIN was wrong.
        TriesLeft::Low if question.problem == Some(PinProblem::Wrong) => {
            Notice::new(Level::Warning, texts.text("tries-fewer"))
        }
        TriesLeft::Low => Notice::new(Level::Warning, texts.text("tries-low")),
        TriesLeft::Left(tries) => {
            let text = texts.with("tries-left", &[("tries", u64::from(tries).into())]);
            Notice::new(Level::Warning, text)
        }
        TriesLeft::Final => Notice::new(Level::Danger, texts.text("tries-final")),
    })
}

/// Why a PIN of this length is not sent yet; `None` if it fits.
pub(crate) fn unusual_length(texts: &Texts, lengths: PinLengths, len: usize) -> Option<String> {
    if lengths.fit(len) {
        return None;
    }
    Some(match lengths.max {
        Some(max) if len > max => texts.with("problem-long", &[("max", max.into())]),
        _ => texts.with("problem-short", &[("min", lengths.min.into())]),
    })
}
