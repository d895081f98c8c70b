//! A question in words: what every way to ask shows, in the user's language. Names from outside
//! are safe to show here.

mod notices;
mod rows;
mod subject;

use crate::origin::ShownOrigin;
use crate::question::{BatchProgress, ConsentQuestion, PinQuestion, PinScope, Purpose, Signer};
use crate::texts::Texts;
pub(crate) use notices::unusual_length;

/// What a dialog shows, the most important first.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// The title of the window.
    pub(crate) title: String,
    pub(crate) heading: String,
    /// The site that asks.
    pub(crate) origin: ShownOrigin,
    /// What the user has to know before they answer.
    pub(crate) notices: Vec<Notice>,
    /// What a consent allows.
    pub(crate) grants: Option<Grants>,
    pub(crate) rows: Vec<Row>,
    /// What the answer causes later.
    pub(crate) consequence: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Grants {
    pub(crate) intro: String,
    pub(crate) items: Vec<String>,
}

/// A sentence of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) level: Level,
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warning,
    /// The user is about to lose something, such as the last try.
    Danger,
}

/// A fact with its name.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) label: String,
    pub(crate) value: RowValue,
    /// What to know about the value.
    pub(crate) note: Option<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum RowValue {
    /// A name or a sentence, with more about it.
    Text { main: String, more: Option<String> },
    /// Several names.
    List(Vec<String>),
    /// A hash in groups of eight digits, which the user can compare.
    Hash { kind: String, hex: String },
}

impl Notice {
    pub(crate) fn new(level: Level, text: String) -> Self {
        Self { level, text }
    }
}

impl Row {
    fn text(label: String, main: String) -> Self {
        Self { label, value: RowValue::Text { main, more: None }, note: None }
    }
}

pub(crate) fn consent(texts: &Texts, question: &ConsentQuestion) -> Description {
    let origin = ShownOrigin::new(&question.origin);
    let intro = texts.with(
        "consent-grants",
        &[("date", texts.date(question.until).into()), ("days", question.days.into())],
    );
    let items = vec![texts.text("consent-grant-read"), texts.text("consent-grant-sign")];
    Description {
        title: texts.text("consent-title"),
        heading: texts.text("consent-heading"),
        notices: notices::about_origin(texts, &origin),
        origin,
        grants: Some(Grants { intro, items }),
        rows: Vec::new(),
        consequence: None,
    }
}

pub(crate) fn pin(texts: &Texts, question: &PinQuestion) -> Description {
    let heading = match &question.purpose {
        Purpose::Sign(_) => texts.text("pin-heading-sign"),
        Purpose::SignBatch { count, .. } => {
            texts.with("pin-heading-batch", &[("count", (*count).into())])
        }
        Purpose::SignOneOf { number, count, .. } => texts.with(
            "pin-heading-one-of",
            &[("number", (*number).into()), ("count", (*count).into())],
        ),
        Purpose::Authenticate => texts.text("pin-heading-authenticate"),
        Purpose::ListCertificates => texts.text("pin-heading-list"),
        Purpose::ListKeys => texts.text("pin-heading-list-keys"),
    };
    let mut description = about_pin(texts, question, heading);
    description.consequence = Some(opens(texts, question));
    description
}

pub(crate) fn pinpad(texts: &Texts, question: &PinQuestion) -> Description {
    let mut description = about_pin(texts, question, texts.text("pinpad-heading"));
    if let Purpose::SignOneOf { number, count, .. } = &question.purpose {
        let values = [("number", (*number).into()), ("count", (*count).into())];
        let which = texts.with("pin-heading-one-of", &values);
        description.notices.push(Notice::new(Level::Info, which));
    }
    description.notices.push(Notice::new(Level::Info, texts.text("pinpad-text")));
    description.consequence = Some(opens(texts, question));
    description
}

pub(crate) fn progress(texts: &Texts, progress: &BatchProgress) -> Description {
    let BatchProgress { origin, token, certificate, signer, done, count } = progress;
    let values = [("done", (*done).into()), ("count", (*count).into())];
    Description {
        title: texts.text("progress-title"),
        heading: texts.with("progress-heading", &values),
        origin: ShownOrigin::new(origin),
        notices: Vec::new(),
        grants: None,
        rows: vec![rows::token(texts, token), rows::signer(texts, *signer, certificate)],
        consequence: None,
    }
}

fn about_pin(texts: &Texts, question: &PinQuestion, heading: String) -> Description {
    let origin = ShownOrigin::new(&question.origin);
    let mut rows = vec![rows::token(texts, &question.token)];
    if !question.certificate.is_empty() {
        rows.push(rows::signer(texts, question.signer, &question.certificate));
    }
    rows.extend(rows::of_purpose(texts, &question.purpose));
    let mut notices = Vec::new();
    notices.extend(notices::problem(texts, question.problem));
    notices.extend(notices::tries(texts, question));
    notices.extend(notices::about_origin(texts, &origin));
    Description {
        title: texts.text("pin-title"),
        heading,
        origin,
        notices,
        grants: None,
        rows,
        consequence: None,
    }
}

fn opens(texts: &Texts, question: &PinQuestion) -> String {
    match (question.opens, &question.purpose) {
        (PinScope::OneBatch, Purpose::SignBatch { count, .. }) => {
            texts.with("opens-batch", &[("count", (*count).into())])
        }
        (PinScope::Reading, Purpose::ListKeys) => texts.text("opens-reading-keys"),
        (PinScope::Reading, _) => texts.text("opens-reading"),
        (PinScope::OneSignature | PinScope::OneBatch, _) => texts.text("opens-signature"),
        (PinScope::Login { minutes, idle_minutes }, _) => {
            let text = match question.signer {
                Signer::Certificate => "opens-login",
                Signer::Key => "opens-login-key",
            };
            texts.with(text, &[("minutes", minutes.into()), ("idle", idle_minutes.into())])
        }
    }
}
