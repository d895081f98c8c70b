//! The facts of a question: the token, the certificate, and what is signed.

use super::subject::{common_name, spaced};
use super::{Row, RowValue};
use crate::question::{DataKind, Document, Purpose, SignedData, Signer};
use crate::safe_text::{isolate, make_safe};
use crate::texts::Texts;

pub(super) fn token(texts: &Texts, label: &str) -> Row {
    Row::text(texts.text("row-token"), make_safe(label, MAX_LABEL))
}

/// The certificate of the key that signs, or the key itself.
pub(super) fn signer(texts: &Texts, signer: Signer, name: &str) -> Row {
    match signer {
        Signer::Certificate => certificate(texts, name),
        Signer::Key => Row::text(texts.text("row-key"), make_safe(name, MAX_SUBJECT)),
    }
}

/// Shows the common name first, because the rest of a subject is long.
fn certificate(texts: &Texts, subject: &str) -> Row {
    let whole = make_safe(&spaced(subject), MAX_SUBJECT);
    let value = match common_name(subject) {
        Some(name) => RowValue::Text { main: make_safe(&name, MAX_SUBJECT), more: Some(whole) },
        None => RowValue::Text { main: whole, more: None },
    };
    Row { label: texts.text("row-certificate"), value, note: None }
}

pub(super) fn of_purpose(texts: &Texts, purpose: &Purpose) -> Vec<Row> {
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
        Purpose::ListCertificates | Purpose::ListKeys => Vec::new(),
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
