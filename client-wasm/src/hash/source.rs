//! What can be hashed, and how it is read piece by piece.

use js_sys::{Array, ArrayBuffer, Promise, Reflect, SharedArrayBuffer, Uint8Array};
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStream, ReadableStreamDefaultReader};

/// Where the bytes come from.
pub(super) enum Source {
    /// A `Blob` or `File`. The next slice is read while the last one is hashed.
    Blob { blob: Blob, at: f64, ahead: Option<JsFuture> },
    /// A `ReadableStream` of bytes.
    Stream(ReadableStreamDefaultReader),
    /// Bytes in memory, and `None` once they were taken.
    Bytes(Option<Uint8Array>),
}

impl Source {
    pub(super) fn from_js(source: JsValue) -> Result<Self, Failure> {
        let source = match source.dyn_into::<Blob>() {
            Ok(blob) => {
                let ahead = read_slice(&blob, 0.0)?;
                return Ok(Self::Blob { blob, at: 0.0, ahead });
            }
            Err(source) => source,
        };
        if let Some(stream) = source.dyn_ref::<ReadableStream>() {
            return ReadableStreamDefaultReader::new(stream)
                .map(Self::Stream)
                .map_err(|_| Failure::bad_argument("source", "is a stream that is being read."));
        }
        match view(&source) {
            Some(bytes) => Ok(Self::Bytes(Some(bytes))),
            None => {
                let problem =
                    "has to be a Blob, a ReadableStream, an ArrayBuffer or a view of one.";
                Err(Failure::bad_argument("source", problem))
            }
        }
    }

    /// How many bytes there are; `None` where only the end will tell.
    pub(super) fn len(&self) -> Option<f64> {
        match self {
            Self::Blob { blob, .. } => Some(blob.size()),
            Self::Stream(_) => None,
            Self::Bytes(bytes) => bytes.as_ref().map(|bytes| f64::from(bytes.length())),
        }
    }

    /// The next piece; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Uint8Array>, Failure> {
        match self {
            Self::Blob { blob, at, ahead } => {
                let Some(slice) = ahead.take() else { return Ok(None) };
                let piece = Uint8Array::new(&slice.await.map_err(unreadable)?);
                *at += f64::from(piece.length());
                *ahead = read_slice(blob, *at)?;
                Ok(Some(piece))
            }
            Self::Stream(reader) => next_chunk(reader).await.inspect_err(|_| {
                // Tells whoever fills the stream. How that ends is not our concern.
                let _ = Promise::all_settled(&Array::of1(&reader.cancel()));
            }),
            Self::Bytes(bytes) => Ok(bytes.take()),
        }
    }
}

/// Starts to read the slice at `at`; `None` at the end.
fn read_slice(blob: &Blob, at: f64) -> Result<Option<JsFuture>, Failure> {
    if at >= blob.size() {
        return Ok(None);
    }
    let slice = blob.slice_with_f64_and_f64(at, at + f64::from(SLICE_LEN)).map_err(unreadable)?;
    Ok(Some(JsFuture::from(slice.array_buffer())))
}

async fn next_chunk(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, Failure> {
    let result = JsFuture::from(reader.read()).await.map_err(unreadable)?;
    let member = |name: &str| Reflect::get(&result, &JsValue::from(name)).map_err(unreadable);
    if member("done")?.is_truthy() {
        reader.release_lock();
        return Ok(None);
    }
    match view(&member("value")?) {
        Some(chunk) => Ok(Some(chunk)),
        None => Err(Failure::bad_argument("source", "is a stream of something else than bytes.")),
    }
}

/// The bytes of a buffer or of a view, without a copy.
fn view(value: &JsValue) -> Option<Uint8Array> {
    if value.is_instance_of::<ArrayBuffer>() || value.is_instance_of::<SharedArrayBuffer>() {
        return Some(Uint8Array::new(value));
    }
    if !ArrayBuffer::is_view(value) {
        return None;
    }
    let member = |name: &str| Reflect::get(value, &JsValue::from(name)).ok();
    let number = |name: &str| member(name)?.as_f64().map(|number| number as u32);
    Some(Uint8Array::new_with_byte_offset_and_length(
        &member("buffer")?,
        number("byteOffset")?,
        number("byteLength")?,
    ))
}

fn unreadable(error: JsValue) -> Failure {
    let reason = error.dyn_ref::<js_sys::Error>().map(|error| String::from(error.message()));
    let reason = reason.filter(|reason| !reason.is_empty());
    let reason = reason.unwrap_or_else(|| "no reason was given".to_owned());
    Failure::bad_argument("source", format!("could not be read: {reason}."))
}

/// How much is read at a time.
const SLICE_LEN: u32 = 4 * 1024 * 1024;
