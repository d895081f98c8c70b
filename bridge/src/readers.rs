//! What reads the bytes of a peer, for the fuzz targets: one function for each reader, which says
//! whether the bytes were taken, and with which text they were refused. Each checks what has to hold of
//! what was taken, and panics where it does not.

// That something does not hold is said by a panic here.
#![allow(clippy::expect_used)]

use futures_util::{FutureExt, StreamExt};
use pkcs11_bridge_protocol::call::Call;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::access::approvals;
use crate::access::host;
use crate::access::origin::{Origin, OriginError, RequestOrigin};
use crate::config::Settings;
use crate::dialog::{self, Answer, text};
use crate::ipc::token_snapshot::Tokens;
use crate::ipc::{self, Greeting, Input, Job, Outcome, PinPermission, Report, Told};
use crate::server;
pub use crate::worker::readers::{certificate, signature};

/// Whether the bytes were taken; otherwise the text of the error.
pub type Taken = Result<(), String>;

/// The opening handshake of a connection: an HTTP request.
pub fn handshake(bytes: &[u8]) -> Taken {
    match server::read_handshake(bytes, PORT)? {
        RequestOrigin::Tuple(origin) => origin_stays(&origin),
        RequestOrigin::Opaque => {}
    }
    Ok(())
}

/// An origin as a person writes it, and the headers `Origin` and `Host`.
pub fn origin(bytes: &[u8]) -> Taken {
    let text = utf8(bytes)?;
    // Whatever names this computer may come in many spellings.
    host::is_loopback(text, PORT);
    let header = RequestOrigin::from_header(text);
    let origin: Origin = text.parse().map_err(|error: OriginError| {
        assert!(header.is_err() || header == Ok(RequestOrigin::Opaque));
        error.to_string()
    })?;
    origin_stays(&origin);
    Ok(())
}

fn origin_stays(origin: &Origin) {
    let written = origin.as_str();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._:/[]".contains(&b);
    assert!(written.bytes().all(plain), "an origin that can deceive");
    assert!(written.parse().as_ref() == Ok(origin));
    assert!(RequestOrigin::from_header(written) == Ok(RequestOrigin::Tuple(origin.clone())));
}

/// Text that a page, a token or a certificate chose and that is to be shown in a dialog.
pub fn shown_text(bytes: &[u8]) -> Taken {
    let foreign = String::from_utf8_lossy(bytes);
    for max in [40, 120, 300] {
        let shown = text::foreign(&foreign, max);
        assert!(!shown.contains(|c: char| c.is_control() || "<>\u{202e}\u{200b}".contains(c)));
        assert!(assuan_len(&shown) <= max, "longer than its part of a line");
        assert!(text::foreign(&shown, max) == shown, "other text the second time");
    }
    let lines = text::lines([foreign.to_string(), text::one_line(&foreign)]);
    assert!(assuan_len(&lines) < 1000, "longer than a line");
    Ok(())
}

/// The length of text in an Assuan line, where some bytes are escaped.
fn assuan_len(text: &str) -> usize {
    text.bytes().map(|byte| if b"%\n\r\\".contains(&byte) { 3 } else { 1 }).sum()
}

/// The frames of a pipe, from either end: both have to find the same ones.
pub fn pipe(bytes: &[u8]) -> Taken {
    let (mut one_by_one, mut input) = (Vec::new(), Input::new(bytes));
    let end = loop {
        match input.next::<Box<RawValue>>() {
            Ok(Some(frame)) => one_by_one.push(frame.get().to_owned()),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.to_string()),
        }
    };
    let mut frames = ipc::reader(bytes);
    for expected in &one_by_one {
        let frame = frames.next().now_or_never().flatten();
        let frame = frame.and_then(Result::ok).expect("a frame that only one end finds");
        let found: Box<RawValue> = ipc::decode(&frame).expect("a frame that only one end reads");
        assert!(found.get() == expected);
    }
    end
}

/// What the bridge sends to a worker.
pub fn job(json: &[u8]) -> Taken {
    let framed = framed(json);
    let job: Option<Job<Call, PinPermission>> =
        Input::new(framed.as_slice()).next().map_err(|error| error.to_string())?;
    stays(&job.ok_or("no frame")?);
    Ok(())
}

/// What a worker sends to the bridge: a greeting, and from then on what it tells.
pub fn report(json: &[u8]) -> Taken {
    if let Ok(greeting) = ipc::decode(json) {
        stays(&greeting);
        if let Greeting::Ready { threads } = greeting {
            assert!((1..256).contains(&threads), "what waits for a thread cannot be made for it");
        }
        return Ok(());
    }
    let told: Told = decoded(json)?;
    stays(&told);
    if let Told::Report(Report { outcome: Outcome::Done(result), .. }) = &told {
        // Two results are for the bridge itself.
        let _ = decoded::<bool>(result.get().as_bytes());
        if let Ok(tokens) = decoded::<Tokens>(result.get().as_bytes()) {
            stays(&tokens);
        }
    }
    Ok(())
}

/// What the process that shows a question sends to the bridge.
pub fn answer(json: &[u8]) -> Taken {
    let framed = framed(json);
    let mut input = framed.as_slice();
    let answer: Answer = dialog::read_answer(&mut input)
        .now_or_never()
        .expect("memory is always ready")
        .map_err(|error| error.to_string())?;
    stays(&answer);
    Ok(())
}

/// The state file.
pub fn state_file(bytes: &[u8]) -> Taken {
    let remembered = approvals::parse(utf8(bytes)?).map_err(|error| error.to_string())?;
    let mut written = Vec::new();
    approvals::write_text(&mut written, &remembered).expect("what was read can be written");
    let again = approvals::parse(utf8(&written)?).expect("what was written can be read");
    assert!(again == remembered);
    Ok(())
}

/// The configuration file.
pub fn config_file(bytes: &[u8]) -> Taken {
    Settings::from_text(utf8(bytes)?).map(drop).map_err(|error| error.to_string())
}

fn decoded<M: DeserializeOwned>(json: &[u8]) -> Result<M, String> {
    ipc::decode(json).map_err(|error| error.to_string())
}

/// What is written again reads the same.
fn stays<M: Serialize + DeserializeOwned>(message: &M) {
    let written = ipc::encode(message).expect("what was read can be written");
    let read: Option<M> =
        Input::new(written.as_slice()).next().expect("what was written can be read");
    let again = ipc::encode(&read.expect("a frame")).expect("what was read can be written");
    assert!(*again == *written, "it reads otherwise than it was written");
}

fn framed(json: &[u8]) -> Vec<u8> {
    let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
    [&len.to_le_bytes(), json].concat()
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The first one of the bridge.
const PORT: u16 = 24911;
