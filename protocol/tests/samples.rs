//! Decodes each message in `samples`, encodes it again and compares the bytes.
//!
//! A file holds one frame and a line feed. Its name begins with a method, an event or an error
//! code, up to the first full stop. The rest of the name says what is special about the sample.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "clippy takes only the functions marked #[test] for tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use pkcs11_bridge_protocol::call::{
    Authenticate, Call, Cancel, Certificates, Hello, Info, Keys, Logout, Method, Modules, SignData,
    SignDataBatch, Slots, Token, UnwatchSlots, VerifySignedData, WatchSlots,
};
use pkcs11_bridge_protocol::error_code::ErrorCode;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::event::{Event, Progress, Slot};
use pkcs11_bridge_protocol::failure::Failure;
use pkcs11_bridge_protocol::message::{Id, Incoming, Notification, Reply, Request};
use pkcs11_bridge_protocol::result::HelloInfo;
use pkcs11_bridge_protocol::rv::{self, Rv};

struct Sample {
    path: PathBuf,
    text: String,
}

impl Sample {
    /// The samples of one folder, sorted by name.
    fn all(folder: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(folder);
        let mut paths: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().map(Self::read).collect()
    }

    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.strip_suffix('\n').expect("a line feed at the end").to_owned();
        Self { path, text }
    }

    fn file_name(&self) -> &str {
        self.path.file_name().unwrap().to_str().unwrap()
    }

    /// The method, event or error code of the sample.
    fn subject(&self) -> &str {
        self.file_name().split('.').next().unwrap()
    }

    #[track_caller]
    fn assert_equals(&self, encoded: &str) {
        assert_eq!(encoded, self.text, "{}", self.path.display());
    }
}

#[test]
fn requests_round_trip() {
    for sample in Sample::all("request") {
        let Ok(Request { id: Id::Number(id), call }) = Request::decode(&sample.text) else {
            panic!("{} is not a request with a number as its id", sample.path.display());
        };
        assert_eq!(call.method(), sample.subject());
        let encoded = match &call {
            Call::Hello(params) => Request::encode(id, params),
            Call::Modules(params) => Request::encode(id, params),
            Call::Info(params) => Request::encode(id, params),
            Call::Slots(params) => Request::encode(id, params),
            Call::Token(params) => Request::encode(id, params),
            Call::Certificates(params) => Request::encode(id, params),
            Call::Keys(params) => Request::encode(id, params),
            Call::SignData(params) => Request::encode(id, params),
            Call::Authenticate(params) => Request::encode(id, params),
            Call::VerifySignedData(params) => Request::encode(id, params),
            Call::SignDataBatch(params) => Request::encode(id, params),
            Call::Cancel(params) => Request::encode(id, params),
            Call::Logout(params) => Request::encode(id, params),
            Call::WatchSlots(params) => Request::encode(id, params),
            Call::UnwatchSlots(params) => Request::encode(id, params),
        };
        sample.assert_equals(&encoded.unwrap());
    }
}

#[test]
fn results_round_trip() {
    for sample in Sample::all("result") {
        match sample.subject() {
            Hello::NAME => assert_result::<Hello>(&sample),
            Modules::NAME => assert_result::<Modules>(&sample),
            Info::NAME => assert_result::<Info>(&sample),
            Slots::NAME => assert_result::<Slots>(&sample),
            Token::NAME => assert_result::<Token>(&sample),
            Certificates::NAME => assert_result::<Certificates>(&sample),
            Keys::NAME => assert_result::<Keys>(&sample),
            SignData::NAME => assert_result::<SignData>(&sample),
            Authenticate::NAME => assert_result::<Authenticate>(&sample),
            VerifySignedData::NAME => assert_result::<VerifySignedData>(&sample),
            SignDataBatch::NAME => assert_result::<SignDataBatch>(&sample),
            Cancel::NAME => assert_result::<Cancel>(&sample),
            Logout::NAME => assert_result::<Logout>(&sample),
            WatchSlots::NAME => assert_result::<WatchSlots>(&sample),
            UnwatchSlots::NAME => assert_result::<UnwatchSlots>(&sample),
            _ => panic!("{} does not belong to a method", sample.path.display()),
        }
    }
}

fn assert_result<M: Method>(sample: &Sample) {
    let (id, result) = decoded_result::<M>(sample);
    sample.assert_equals(&Reply::success(id, result).encode().unwrap());
}

fn decoded_result<M: Method>(sample: &Sample) -> (Id, M::Result) {
    match Incoming::decode(&sample.text) {
        Ok(Incoming::Reply { id: Some(id), outcome: Ok(result) }) => {
            (id, serde_json::from_str(result).unwrap())
        }
        other => panic!("{}: {other:?}", sample.path.display()),
    }
}

#[test]
fn events_round_trip() {
    let samples = Sample::all("event");
    for name in [Progress::NAME, Slot::NAME] {
        assert!(samples.iter().any(|sample| sample.subject() == name), "{name} has no sample");
    }
    for sample in samples {
        match sample.subject() {
            Progress::NAME => assert_event::<Progress>(&sample),
            Slot::NAME => assert_event::<Slot>(&sample),
            _ => panic!("{} does not belong to an event", sample.path.display()),
        }
    }
}

fn assert_event<E: Event>(sample: &Sample) {
    let Ok(Incoming::Event { method, params: Some(params) }) = Incoming::decode(&sample.text)
    else {
        panic!("{} is not an event", sample.path.display());
    };
    assert_eq!(method, E::NAME);
    let event: E = serde_json::from_str(params).unwrap();
    sample.assert_equals(&Notification::new(&event).encode().unwrap());
}

#[test]
fn errors_round_trip() {
    for sample in Sample::all("error") {
        let code = ErrorCode::ALL.iter().find(|code| format!("{code:?}") == sample.subject());
        let code = *code.unwrap_or_else(|| {
            panic!("{} does not belong to an error code", sample.path.display())
        });
        let (id, error) = decoded_error(&sample);
        let rv = error.data.pkcs11.map(|name| rv_from_name(&name));
        let failure = Failure { code, rv, message: error.message };
        sample.assert_equals(&Reply::<()>::failure(id, failure).encode().unwrap());
    }
}

/// The return value with this name on the wire.
fn rv_from_name(name: &str) -> Rv {
    let hexadecimal = || u64::from_str_radix(name.strip_prefix("0x").unwrap(), 16).unwrap();
    rv::TABLE
        .iter()
        .find(|entry| entry.name == name)
        .map_or_else(|| Rv(hexadecimal()), |entry| entry.rv)
}

fn decoded_error(sample: &Sample) -> (Option<Id>, ErrorObject) {
    match Incoming::decode(&sample.text) {
        Ok(Incoming::Reply { id, outcome: Err(error) }) => (id, error),
        other => panic!("{}: {other:?}", sample.path.display()),
    }
}

/// A rejected frame is in `NAME.frame.txt`, its reply in `NAME.reply.json`.
#[test]
fn rejected_frames_get_their_reply() {
    for frame in Sample::all("rejected").iter().filter(|s| s.file_name().ends_with(".frame.txt")) {
        let path = frame.path.with_file_name(format!("{}.reply.json", frame.subject()));
        let rejected = Request::decode(&frame.text).err().expect("a frame that is rejected");
        let reply = Reply::<()>::failure(rejected.id, rejected.failure).encode().unwrap();
        Sample::read(path).assert_equals(&reply);
    }
}

#[test]
fn every_method_has_a_request_sample_and_a_result_sample() {
    for folder in ["request", "result"] {
        let samples = Sample::all(folder);
        for method in Call::METHODS {
            assert!(samples.iter().any(|s| s.subject() == *method), "{method} has no {folder}");
        }
    }
}

#[test]
fn every_error_code_has_a_sample_with_and_without_a_return_value() {
    let errors: Vec<_> = Sample::all("error")
        .iter()
        .map(|sample| (sample.subject().to_owned(), decoded_error(sample).1.data.pkcs11))
        .collect();
    for code in ErrorCode::ALL {
        let samples = || errors.iter().filter(|(subject, _)| *subject == format!("{code:?}"));
        assert!(samples().any(|(_, pkcs11)| pkcs11.is_none()), "{code:?} has no sample");
        assert!(
            samples().any(|(_, pkcs11)| pkcs11.is_some())
                || rv::TABLE.iter().all(|entry| entry.code != *code),
            "{code:?} has no sample with a return value"
        );
    }
}

#[test]
fn every_json_rpc_code_has_a_rejected_sample() {
    const OTHER_FAILURES: i32 = -32000;
    let rejections = Sample::all("rejected");
    let codes: Vec<_> = rejections
        .iter()
        .filter(|sample| sample.file_name().ends_with(".reply.json"))
        .map(|sample| decoded_error(sample).1.code)
        .collect();
    for code in ErrorCode::ALL.iter().filter(|code| code.rpc_code() != OTHER_FAILURES) {
        assert!(codes.contains(&code.rpc_code()), "{code:?} has no rejected sample");
    }
}

#[test]
fn hello_lists_every_method() {
    for sample in Sample::all("result").iter().filter(|s| s.subject() == Hello::NAME) {
        let (_, HelloInfo { methods, .. }) = decoded_result::<Hello>(sample);
        assert_eq!(methods, Call::METHODS);
    }
}
