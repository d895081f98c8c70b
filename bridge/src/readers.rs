//! The decoders of the pipe between bridge and worker, for the fuzz targets.

#![allow(clippy::expect_used)]

use futures_util::{FutureExt, StreamExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::ipc::frame::{self, Input};
use crate::ipc::message::{Greeting, Outcome, Response, WorkerMessage};
use crate::ipc::task::TaskRequest;
use crate::ipc::token_snapshot::Tokens;

/// Whether the bytes were taken; otherwise the text of the error.
pub type Taken = Result<(), String>;

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
    let mut frames = frame::reader(bytes);
    for expected in &one_by_one {
        let frame = frames.next().now_or_never().flatten();
        let frame = frame.and_then(Result::ok).expect("a frame that only one end finds");
        let found: Box<RawValue> = frame::decode(&frame).expect("a frame that only one end reads");
        assert!(found.get() == expected);
    }
    end
}

/// What the bridge sends to a worker.
pub fn job(json: &[u8]) -> Taken {
    let framed = framed(json);
    let job: Option<TaskRequest> =
        Input::new(framed.as_slice()).next().map_err(|error| error.to_string())?;
    stays(&job.ok_or("no frame")?);
    Ok(())
}

/// What a worker sends to the bridge: a greeting, and from then on what it tells.
pub fn report(json: &[u8]) -> Taken {
    if let Ok(greeting) = frame::decode(json) {
        stays(&greeting);
        if let Greeting::Ready { threads } = greeting {
            assert!((1..256).contains(&threads), "what waits for a thread cannot be made for it");
        }
        return Ok(());
    }
    let told: WorkerMessage = decoded(json)?;
    stays(&told);
    if let WorkerMessage::Response(Response { outcome: Outcome::Done(result), .. }) = &told {
        // Two results are for the bridge itself.
        let _ = decoded::<bool>(result.get().as_bytes());
        if let Ok(tokens) = decoded::<Tokens>(result.get().as_bytes()) {
            stays(&tokens);
        }
    }
    Ok(())
}

fn decoded<M: DeserializeOwned>(json: &[u8]) -> Result<M, String> {
    frame::decode(json).map_err(|error| error.to_string())
}

/// What is written again reads the same.
fn stays<M: Serialize + DeserializeOwned>(message: &M) {
    let written = frame::encode(message).expect("what was read can be written");
    let read: Option<M> =
        Input::new(written.as_slice()).next().expect("what was written can be read");
    let again = frame::encode(&read.expect("a frame")).expect("what was read can be written");
    assert!(*again == *written, "it reads otherwise than it was written");
}

fn framed(json: &[u8]) -> Vec<u8> {
    let len = u32::try_from(json.len()).unwrap_or(u32::MAX);
    [&len.to_le_bytes(), json].concat()
}
