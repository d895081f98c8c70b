//! A question in words: what every way to ask shows, in the user's language. Names from outside
//! are safe to show here.

use crate::origin::ShownOrigin;
use crate::question::{
    BatchProgress, ConsentQuestion, DataKind, Document, PinLengths, PinProblem, PinQuestion,
    PinScope, Purpose, SignedData, TriesLeft,
};
use crate::safe_text::{isolate, make_safe};
use crate::texts::Texts;

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
        notices: origin_notices(texts, &origin),
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
    let BatchProgress { origin, token, certificate, done, count } = progress;
    let values = [("done", (*done).into()), ("count", (*count).into())];
    Description {
        title: texts.text("progress-title"),
        heading: texts.with("progress-heading", &values),
        origin: ShownOrigin::new(origin),
        notices: Vec::new(),
        grants: None,
        rows: vec![token_row(texts, token), certificate_row(texts, certificate)],
        consequence: None,
    }
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

fn about_pin(texts: &Texts, question: &PinQuestion, heading: String) -> Description {
    let origin = ShownOrigin::new(&question.origin);
    let mut rows =
        vec![token_row(texts, &question.token), certificate_row(texts, &question.certificate)];
    rows.extend(purpose_rows(texts, &question.purpose));
    let mut notices = Vec::new();
    notices.extend(problem(texts, question.problem));
    notices.extend(tries(texts, question.tries));
    notices.extend(origin_notices(texts, &origin));
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

fn origin_notices(texts: &Texts, origin: &ShownOrigin) -> Vec<Notice> {
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

fn problem(texts: &Texts, problem: Option<PinProblem>) -> Option<Notice> {
    let id = match problem? {
        PinProblem::Wrong => "problem-wrong",
        PinProblem::NotAccepted => "problem-not-accepted",
        PinProblem::Changed => "problem-changed",
    };
    Some(Notice::new(Level::Danger, texts.text(id)))
}

fn tries(texts: &Texts, tries: TriesLeft) -> Option<Notice> {
    Some(match tries {
        TriesLeft::Unknown => return None,
        TriesLeft::Low => Notice::new(Level::Warning, texts.text("tries-low")),
        TriesLeft::Left(tries) => {
            let text = texts.with("tries-left", &[("tries", u64::from(tries).into())]);
            Notice::new(Level::Warning, text)
        }
        TriesLeft::Final => Notice::new(Level::Danger, texts.text("tries-final")),
    })
}

fn opens(texts: &Texts, question: &PinQuestion) -> String {
    match (question.opens, &question.purpose) {
        (PinScope::OneBatch, Purpose::SignBatch { count, .. }) => {
            texts.with("opens-batch", &[("count", (*count).into())])
        }
        (PinScope::OneSignature | PinScope::OneBatch, _) => texts.text("opens-signature"),
        (PinScope::Login { minutes, idle_minutes }, _) => {
            texts.with("opens-login", &[("minutes", minutes.into()), ("idle", idle_minutes.into())])
        }
    }
}

fn token_row(texts: &Texts, label: &str) -> Row {
    Row::text(texts.text("row-token"), make_safe(label, MAX_LABEL))
}

/// Shows the common name first, because the rest of a subject is long.
fn certificate_row(texts: &Texts, subject: &str) -> Row {
    let whole = make_safe(subject, MAX_SUBJECT);
    let value = match common_name(subject) {
        Some(name) => RowValue::Text { main: make_safe(&name, MAX_SUBJECT), more: Some(whole) },
        None => RowValue::Text { main: whole, more: None },
    };
    Row { label: texts.text("row-certificate"), value, note: None }
}

/// The common name in a subject of several attributes (RFC 4514).
fn common_name(subject: &str) -> Option<String> {
    let mut escaped = false;
    let attributes = subject.split(|c| {
        let separates = !escaped && matches!(c, ',' | '+');
        escaped = c == '\\' && !escaped;
        separates
    });
    let attributes: Vec<&str> = attributes.map(str::trim_start).collect();
    let name = attributes.iter().find_map(|attribute| attribute.strip_prefix("CN="))?;
    (attributes.len() > 1).then(|| name.replace('\\', ""))
}

fn purpose_rows(texts: &Texts, purpose: &Purpose) -> Vec<Row> {
    let to_sign = || texts.text("row-to-sign");
    match purpose {
        Purpose::Sign(data) | Purpose::SignOneOf { data, .. } => {
            let SignedData { kind, hash, document } = data;
            let kind = data_kind(texts, kind);
            let value = RowValue::Hash { kind, hex: hex(hash) };
            let hash = Row { label: to_sign(), value, note: None };
            document.iter().map(|document| document_row(texts, document)).chain([hash]).collect()
        }
        Purpose::SignBatch { kind, count, documents } => {
            let data = Row::text(to_sign(), batch_kind(texts, kind, *count));
            documents_row(texts, documents).into_iter().chain([data]).collect()
        }
        Purpose::Authenticate => {
            vec![Row::text(texts.text("row-to-log-in"), texts.text("data-authenticate"))]
        }
    }
}

fn data_kind(texts: &Texts, kind: &DataKind) -> String {
    match kind {
        DataKind::Hash(algorithm) => {
            texts.with("data-hash", &[("algorithm", algorithm.as_str().into())])
        }
        DataKind::Message(size) => {
            texts.with("data-message", &[("size", size.unwrap_or_default().into())])
        }
    }
}

fn batch_kind(texts: &Texts, kind: &DataKind, count: usize) -> String {
    match kind {
        DataKind::Hash(algorithm) => {
            let values = [("count", count.into()), ("algorithm", algorithm.as_str().into())];
            texts.with("data-hashes", &values)
        }
        DataKind::Message(_) => texts.with("data-messages", &[("count", count.into())]),
    }
}

fn document_row(texts: &Texts, shown: &Document) -> Row {
    let value = RowValue::Text { main: document(texts, shown), more: None };
    let note = Some(texts.text("document-claim"));
    Row { label: texts.text("row-document"), value, note }
}

fn documents_row(texts: &Texts, documents: &[Document]) -> Option<Row> {
    if documents.is_empty() {
        return None;
    }
    let shown = documents.iter().take(MAX_DOCUMENTS).map(|shown| document(texts, shown));
    let mut names: Vec<String> = shown.collect();
    if let Some(count @ 1..) = documents.len().checked_sub(MAX_DOCUMENTS) {
        names.push(texts.with("documents-more", &[("count", count.into())]));
    }
    let note = Some(texts.text("document-claim"));
    Some(Row { label: texts.text("row-documents"), value: RowValue::List(names), note })
}

fn document(texts: &Texts, document: &Document) -> String {
    let name = isolate(&make_safe(&document.name, MAX_LABEL));
    let Some(size) = document.size else { return name };
    let size = match size {
        0..1_000 => texts.with("size-bytes", &[("size", size.into())]),
        1_000..10_000_000 => texts.with("size-kilobytes", &[("size", rounded(size, 1_000))]),
        _ => texts.with("size-megabytes", &[("size", rounded(size, 1_000_000))]),
    };
    texts.with("document-size", &[("name", name.into()), ("size", size.into())])
}

fn rounded(size: u64, unit: u64) -> crate::texts::Value<'static> {
    (size / unit + u64::from(size % unit >= unit / 2)).into()
}

/// Groups of eight digits, which the user can compare, and between which a dialog can break lines.
fn hex(hash: &[u8]) -> String {
    hash.chunks(4).map(const_hex::encode).collect::<Vec<_>>().join(" ")
}

const MAX_LABEL: usize = 200;
const MAX_SUBJECT: usize = 400;
const MAX_DOCUMENTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_name_of_a_subject_is_found() {
        for (subject, name) in [
            ("CN=Jane Doe,O=Example,C=BE", Some("Jane Doe")),
            ("C=BE,CN=Doe\\, Jane,O=Example", Some("Doe, Jane")),
            ("serialNumber=1+CN=Jane,C=BE", Some("Jane")),
            ("O=A\\\\,CN=B", Some("B")),
            // The whole subject is the name, or the text is a label.
            ("CN=Jane Doe", None),
            ("My certificate", None),
            ("O=CN=x,C=BE", None),
        ] {
            assert_eq!(common_name(subject).as_deref(), name, "{subject}");
        }
    }

    #[test]
    fn sizes_have_a_unit_that_people_read() {
        let texts = Texts::new(crate::texts::LANGUAGES[0]);
        for (size, shown) in [
            (0, "a (0 bytes)"),
            (1, "a (1 byte)"),
            (999, "a (999 bytes)"),
            (1_499, "a (1 kB)"),
            (1_500, "a (2 kB)"),
            (9_999_999, "a (10000 kB)"),
            (10_000_000, "a (10 MB)"),
            (u64::MAX, "a (18446744073710 MB)"),
        ] {
            let name = "a".to_owned();
            let document = document(&texts, &Document { name, size: Some(size) });
            assert_eq!(document.replace(['\u{2068}', '\u{2069}'], ""), shown);
        }
    }
}
