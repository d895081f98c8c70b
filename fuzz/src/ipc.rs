//! Decoders of the pipe between bridge and worker.

use futures_util::{FutureExt, StreamExt};
use pkcs11_bridge::ipc::frame::{self, BlockingFrameReader};
use pkcs11_bridge::ipc::message::{Greeting, Outcome, Response, WorkerMessage};
use pkcs11_bridge::ipc::task::TaskRequest;
use pkcs11_bridge::ipc::token_snapshot::TokenSnapshot;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::{Decoded, round_trips};

/// Frames, as the worker and as the bridge read them. Both must find the same frames.
pub(crate) fn pipe(bytes: &[u8]) -> Decoded {
    let (mut of_worker, mut input) = (Vec::new(), BlockingFrameReader::new(bytes));
    let end = loop {
        match input.read::<Box<RawValue>>() {
            Ok(Some(frame)) => of_worker.push(frame.get().to_owned()),
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.to_string()),
        }
    };
    let mut of_bridge = frame::reader(bytes);
    for expected in &of_worker {
        let frame = of_bridge.next().now_or_never().flatten();
        let frame = frame.and_then(Result::ok).expect("the bridge finds the worker's frames");
        let found: Box<RawValue> = frame::decode(&frame).expect("the bridge reads the frame");
        assert!(found.get() == expected);
    }
    end
}

/// A task that the bridge sends to a worker.
pub(crate) fn task(json: &[u8]) -> Decoded {
    round_trips(&decode::<TaskRequest>(json)?);
    Ok(())
}

/// What a worker sends to the bridge: first a greeting, then messages.
pub(crate) fn worker_message(json: &[u8]) -> Decoded {
    if let Ok(greeting) = frame::decode(json) {
        round_trips(&greeting);
        if let Greeting::Ready { threads } = greeting {
            assert!((1..256).contains(&threads), "the bridge reserves memory for each thread");
        }
        return Ok(());
    }
    let message: WorkerMessage = decode(json)?;
    round_trips(&message);
    if let WorkerMessage::Response(Response { outcome: Outcome::Done(result), .. }) = &message {
        // The bridge decodes two results itself.
        let _ = decode::<bool>(result.get().as_bytes());
        if let Ok(tokens) = decode::<TokenSnapshot>(result.get().as_bytes()) {
            round_trips(&tokens);
        }
    }
    Ok(())
}

fn decode<M: DeserializeOwned>(json: &[u8]) -> Result<M, String> {
    frame::decode(json).map_err(|error| error.to_string())
}
