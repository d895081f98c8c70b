//! Decoders of the wire between page and bridge.

use pkcs11_bridge_protocol::call::{
    Authenticate, Cancel, Certificates, Hello, Info, Keys, Logout, Method, Modules, SignData,
    SignDataBatch, Slots, Token, UnwatchSlots, VerifySignedData, WatchSlots,
};
use pkcs11_bridge_protocol::event::{Event, Progress, Slot};
use pkcs11_bridge_protocol::message::{Incoming, Notification, Reply, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{Decoded, utf8};

/// A request of a page.
pub(crate) fn request(bytes: &[u8]) -> Decoded {
    let text = utf8(bytes)?;
    let request = Request::decode(text).map_err(|rejected| {
        let message = rejected.failure.message;
        assert!(message.len() < 1000 && !message.contains(char::is_control), "{message}");
        message
    })?;
    let written = written(&request);
    let Ok(again) = Request::decode(&written) else { panic!("{written} cannot be read") };
    assert_eq!(self::written(&again), written);
    Ok(())
}

fn written(Request { id, call }: &Request) -> String {
    let id = serde_json::to_string(id).expect("an id can be written");
    let call = serde_json::to_string(call).expect("a call can be written");
    format!(r#"{{"jsonrpc":"2.0","id":{id},{}"#, &call[1..])
}

/// A reply or an event of the bridge.
pub(crate) fn reply(bytes: &[u8]) -> Decoded {
    let text = utf8(bytes)?;
    let incoming = Incoming::decode(text).map_err(|error| error.to_string())?;
    compare_with_serde(text, &incoming);
    match incoming {
        Incoming::Reply { id: Some(id), outcome: Ok(result) } => {
            // The client leaves it to the browser to check the result.
            let Ok(result) = serde_json::from_str::<&RawValue>(result) else { return Ok(()) };
            for check in RESULTS {
                check(result);
            }
            let written = Reply::success(id.clone(), result).encode().expect("it can be written");
            let Ok(Incoming::Reply { id: again, outcome: Ok(same) }) = Incoming::decode(&written)
            else {
                panic!("{written} cannot be read")
            };
            assert_eq!((again, same), (Some(id), result.get()));
        }
        Incoming::Reply { id, outcome: Err(error) } => {
            let reply = Reply::<()>::failure(id.clone(), error.clone());
            let written = reply.encode().expect("it can be written");
            let Ok(Incoming::Reply { id: again, outcome: Err(same) }) = Incoming::decode(&written)
            else {
                panic!("{written} cannot be read")
            };
            assert_eq!((again, same), (id, error));
        }
        // The bridge sends no result without an id.
        Incoming::Reply { id: None, .. } => {}
        Incoming::Event { method, params: Some(params) } if method == Progress::NAME => {
            event::<Progress>(params);
        }
        Incoming::Event { method, params: Some(params) } if method == Slot::NAME => {
            event::<Slot>(params);
        }
        Incoming::Event { .. } => {}
    }
    Ok(())
}

/// If the whole text is JSON, the client's decoder and serde_json find the same members.
fn compare_with_serde(text: &str, incoming: &Incoming<'_>) {
    // A JSON tree takes far more memory than the decoder, whose memory is measured here.
    if text.len() > MAX_COMPARED {
        return;
    }
    let Ok(message) = serde_json::from_str::<Value>(text) else { return };
    let same =
        |json: &str, name: &str| serde_json::from_str::<Value>(json).unwrap() == message[name];
    match incoming {
        Incoming::Reply { id, outcome: Ok(result) } => {
            assert_eq!(serde_json::to_value(id).unwrap(), message["id"], "{text}");
            assert!(same(result, "result"), "{text}");
        }
        Incoming::Reply { outcome: Err(error), .. } => {
            assert_eq!(message["error"]["message"], error.message, "{text}");
            assert_eq!(message["error"]["data"]["code"], error.data.code, "{text}");
        }
        Incoming::Event { method, params } => {
            assert_eq!(message["method"], method.as_ref(), "{text}");
            assert!(params.is_none_or(|params| same(params, "params")), "{text}");
        }
    }
}

fn event<E: Event>(params: &str) {
    let Ok(event) = serde_json::from_str::<E>(params) else { return };
    let written = Notification::new(&event).encode().expect("it can be written");
    let Ok(Incoming::Event { method, params: Some(params) }) = Incoming::decode(&written) else {
        panic!("{written} cannot be read")
    };
    assert_eq!(method, E::NAME);
    let again: E = serde_json::from_str(params).expect("what was written can be read");
    assert_eq!(Notification::new(&again).encode().expect("it can be written"), written);
}

const RESULTS: [fn(&RawValue); 15] = [
    result::<Authenticate>,
    result::<Cancel>,
    result::<Certificates>,
    result::<Keys>,
    result::<Hello>,
    result::<Info>,
    result::<Logout>,
    result::<Modules>,
    result::<SignData>,
    result::<SignDataBatch>,
    result::<Slots>,
    result::<Token>,
    result::<UnwatchSlots>,
    result::<VerifySignedData>,
    result::<WatchSlots>,
];

fn result<M: Method>(result: &RawValue) {
    let read = |text: &str| serde_json::from_str::<M::Result>(text);
    if let Ok(result) = read(result.get()) {
        let written = to_text(&result);
        assert_eq!(to_text(&read(&written).expect("what was written can be read")), written);
    }
}

fn to_text(value: &(impl Serialize + DeserializeOwned)) -> String {
    serde_json::to_string(value).expect("what was read can be written")
}

/// The longest text in bytes that is compared with serde_json.
const MAX_COMPARED: usize = 8 << 10;
