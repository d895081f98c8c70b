//! Questions for tests: ordinary ones, and those with the longest texts.

use crate::question::{
    BatchProgress, ConsentQuestion, DataKind, Date, Document, PinLengths, PinProblem, PinQuestion,
    PinScope, Purpose, Question, SignedData, Signer, TriesLeft,
};

pub(crate) fn consent() -> ConsentQuestion {
    let until = Date { year: 2026, month: 12, day: 26 };
    ConsentQuestion { origin: "https://login.bank.example".to_owned(), days: 30, until }
}

pub(crate) fn pin() -> PinQuestion {
    PinQuestion {
        origin: "https://login.bank.example".to_owned(),
        token: "Jane's card".to_owned(),
        certificate: "CN=Jane Doe,SERIALNUMBER=71715100070,O=Example,C=BE".to_owned(),
        signer: Signer::Certificate,
        purpose: Purpose::Sign(data(32)),
        opens: PinScope::Login { minutes: 30, idle_minutes: 5 },
        tries: TriesLeft::Unknown,
        lengths: PinLengths::default(),
        problem: None,
        confirm_first: false,
    }
}

pub(crate) fn progress() -> BatchProgress {
    let PinQuestion { origin, token, certificate, signer, .. } = pin();
    BatchProgress { origin, token, certificate, signer, done: 12, count: 30 }
}

/// The longest origin that DNS allows, with a port. Its name is in punycode.
pub(crate) fn longest_origin() -> String {
    let label = "m".repeat(63);
    let origin = format!("http://xn--pple-43d.{label}.{label}.{}.example:65535", "w".repeat(104));
    origin.replacen(&"w".repeat(104), &format!("{}.{}", "w".repeat(63), "w".repeat(40)), 1)
}

/// One question of each kind, and each text in one of them.
pub(crate) fn all() -> Vec<Question> {
    let base = pin();
    let with = |change: fn(&mut PinQuestion)| {
        let mut question = base.clone();
        change(&mut question);
        Question::Pin(question)
    };
    let long = PinQuestion {
        origin: longest_origin(),
        token: "W".repeat(32),
        certificate: format!("CN={},O={}", "Wolfgang Émile ".repeat(12), "Großfirma ".repeat(40)),
        purpose: Purpose::SignOneOf { number: 999_999, count: 1_000_000, data: data(64) },
        tries: TriesLeft::Final,
        problem: Some(PinProblem::NotAccepted),
        confirm_first: true,
        ..base.clone()
    };
    vec![
        Question::Consent(consent()),
        Question::Consent(ConsentQuestion { origin: longest_origin(), ..consent() }),
        Question::Pin(base.clone()),
        Question::Pinpad(long.clone()),
        Question::Pin(long),
        with(|question| {
            question.problem = Some(PinProblem::Wrong);
            question.tries = TriesLeft::Left(2);
            question.confirm_first = true;
        }),
        with(|question| {
            question.problem = Some(PinProblem::Changed);
            question.tries = TriesLeft::Low;
            question.lengths = PinLengths { min: 6, max: Some(8) };
        }),
        with(|question| {
            let document = document("\u{5d0}\u{5d1}\u{5d2} 2026.pdf");
            let data = SignedData { document: Some(document), ..data(48) };
            question.purpose = Purpose::Sign(data);
            question.opens = PinScope::OneSignature;
        }),
        with(|question| {
            let data = SignedData { kind: DataKind::Message(Some(12_345)), ..data(32) };
            question.purpose = Purpose::Sign(data);
        }),
        with(|question| {
            let kind = DataKind::Hash("SHA-256".to_owned());
            let documents = vec![document(&"Invoice ".repeat(30)); 12];
            question.purpose = Purpose::SignBatch { kind, count: 12, documents };
            question.opens = PinScope::OneBatch;
        }),
        with(|question| {
            let kind = DataKind::Message(None);
            question.purpose = Purpose::SignBatch { kind, count: 2, documents: Vec::new() };
        }),
        with(|question| question.purpose = Purpose::Authenticate),
        with(|question| {
            question.purpose = Purpose::ListCertificates;
            question.certificate = String::new();
            question.opens = PinScope::Reading;
        }),
        with(|question| {
            question.purpose = Purpose::ListKeys;
            question.certificate = String::new();
            question.opens = PinScope::Reading;
        }),
        with(|question| {
            question.signer = Signer::Key;
            question.certificate =
                format!("{} · EC brainpoolP384r1 · key:0123456789abcdef…", "Wéb key ".repeat(8));
        }),
        Question::Pinpad(base),
        Question::Progress(progress()),
    ]
}

fn data(len: usize) -> SignedData {
    let algorithm = format!("SHA-{}", len * 8);
    let hash = (0..len).map(|byte| u8::try_from(byte * 37 % 256).unwrap_or_default()).collect();
    SignedData { kind: DataKind::Hash(algorithm), hash, document: None }
}

fn document(name: &str) -> Document {
    Document { name: name.to_owned(), size: Some(48_213) }
}
