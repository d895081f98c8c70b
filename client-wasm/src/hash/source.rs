//! The sources that `hash` takes, and how it reads them piece by piece.

use js_sys::{Array, ArrayBuffer, Promise, Reflect, SharedArrayBuffer, Uint8Array};
use pkcs11_bridge_protocol::failure::Failure;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, ReadableStream, ReadableStreamByobReader, ReadableStreamDefaultReader};

/// A source of bytes.
pub(super) enum Source {
    /// A `Blob` or `File`. Reuses one buffer, because browsers are slow to free many.
    Blob { size: f64, reader: ReadableStreamByobReader, buffer: Uint8Array },
    /// A `ReadableStream` of bytes, and their number if it is known.
    Stream { size: Option<f64>, reader: ReadableStreamDefaultReader },
    /// Bytes in memory. `None` after they were taken.
    Bytes(Option<Uint8Array>),
}

impl Source {
    pub(super) fn from_js(source: JsValue) -> Result<Self, Failure> {
        let source = match source.dyn_into::<Blob>() {
            Ok(blob) => {
                let stream = blob.stream();
                // Not every browser can read a Blob into a buffer.
                let Ok(reader) = ReadableStreamByobReader::new(&stream) else {
                    return Self::stream(&stream, Some(blob.size()));
                };
                let buffer = Uint8Array::new_with_length(BUFFER_LEN);
                return Ok(Self::Blob { size: blob.size(), reader, buffer });
            }
            Err(source) => source,
        };
        if let Some(stream) = source.dyn_ref::<ReadableStream>() {
            return Self::stream(stream, None);
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

    fn stream(stream: &ReadableStream, size: Option<f64>) -> Result<Self, Failure> {
        let reader = ReadableStreamDefaultReader::new(stream)
            .map_err(|_| Failure::bad_argument("source", "is a stream that is being read."))?;
        Ok(Self::Stream { size, reader })
    }

    /// The number of bytes. `None` if it is known only at the end.
    pub(super) fn len(&self) -> Option<f64> {
        match self {
            Self::Blob { size, .. } => Some(*size),
            Self::Stream { size, .. } => *size,
            Self::Bytes(bytes) => bytes.as_ref().map(|bytes| f64::from(bytes.length())),
        }
    }

    /// The next piece. `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<Uint8Array>, Failure> {
        match self {
            Self::Blob { reader, buffer, .. } => {
                let piece = chunk(reader.read_with_array_buffer_view(buffer)).await?;
                if let Some(piece) = &piece {
                    *buffer = Uint8Array::new(&piece.buffer());
                }
                Ok(piece)
            }
            Self::Stream { reader, .. } => next_chunk(reader).await.inspect_err(|_| {
                // Tells the source of the stream. The outcome does not matter.
                let _ = Promise::all_settled(&Array::of1(&reader.cancel()));
            }),
            Self::Bytes(bytes) => Ok(bytes.take()),
        }
    }
}

async fn next_chunk(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, Failure> {
    let chunk = chunk(reader.read()).await?;
    if chunk.is_none() {
        reader.release_lock();
    }
    Ok(chunk)
}

/// The chunk that a reader has read. `None` at the end.
async fn chunk(read: Promise) -> Result<Option<Uint8Array>, Failure> {
    let result = JsFuture::from(read).await.map_err(unreadable)?;
    let member = |name: &str| Reflect::get(&result, &JsValue::from(name)).map_err(unreadable);
    if member("done")?.is_truthy() {
        return Ok(None);
    }
    match view(&member("value")?) {
        Some(chunk) => Ok(Some(chunk)),
        None => Err(Failure::bad_argument("source", "is a stream of other things than bytes.")),
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

/// The largest piece.
const BUFFER_LEN: u32 = 1024 * 1024;
