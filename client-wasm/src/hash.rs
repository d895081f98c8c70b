//! Hashes the data that a page wants to sign. Reads it piece by piece in constant memory, and
//! pauses so that the page can draw and react.

mod source;

use js_sys::{Date, Function, Promise};
use pkcs11_bridge_protocol::algorithm::{Algorithm, Hash};
use pkcs11_bridge_protocol::base64_bytes::Base64Bytes;
use pkcs11_bridge_protocol::error_object::ErrorObject;
use pkcs11_bridge_protocol::failure::Failure;
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use wasm_bindgen::prelude::*;

use crate::arguments;
use crate::responder::report;
use crate::rest_exception::RestException;
use source::Source;

/// Hashes a `Blob` or `File`, a `ReadableStream` of bytes, an `ArrayBuffer` or a view.
///
/// `algorithm` is sha1, sha224, sha256, sha384 or sha512, in any case and with or without a hyphen.
/// Calls `onProgress(loaded, total)` from time to time with the number of hashed bytes and of all
/// bytes. `total` is `undefined` for a stream. Resolves to the base64 of the hash, as `signData`
/// takes it. Fails with 400/801 for other arguments, and if the source cannot be read.
#[wasm_bindgen]
pub async fn hash(
    source: JsValue,
    algorithm: JsValue,
    #[wasm_bindgen(js_name = onProgress)] on_progress: JsValue,
) -> Result<String, RestException> {
    Ok(digest(source, &algorithm, on_progress).await?)
}

async fn digest(
    source: JsValue,
    algorithm: &JsValue,
    on_progress: JsValue,
) -> Result<String, ErrorObject> {
    let mut hasher = hasher(algorithm)?;
    let on_progress = arguments::function("onProgress", on_progress)?;
    let mut source = Source::from_js(source)?;
    let mut progress = Progress { loaded: 0.0, total: source.len(), on_progress };
    let mut buffer = vec![0; BUFFER_LEN];
    let mut busy_since = Date::now();
    while let Some(piece) = source.next().await? {
        let len = piece.length();
        for from in (0..len).step_by(BUFFER_LEN) {
            // In a pause the page may have resized or transferred the buffer.
            if piece.length() != len {
                return Err(Failure::bad_argument("source", "changed while it was read.").into());
            }
            let part = piece.subarray(from, from.saturating_add(BUFFER_LEN as u32));
            let bytes = &mut buffer[..part.length() as usize];
            part.copy_to(bytes);
            hasher.update(bytes);
            progress.loaded += bytes.len() as f64;
            if Date::now() - busy_since >= MAX_BUSY {
                progress.report();
                // Fails only if the page has replaced `MessageChannel`.
                let _ = next_task().await;
                busy_since = Date::now();
            }
        }
    }
    progress.report();
    Ok(Base64Bytes(hasher.finalize().into_vec()).to_base64())
}

fn hasher(algorithm: &JsValue) -> Result<Box<dyn DynDigest>, Failure> {
    let named = algorithm.as_string().and_then(|name| name.parse().ok());
    Ok(match named {
        Some(Algorithm::Hash(Hash::Sha1)) => Box::new(Sha1::default()),
        Some(Algorithm::Hash(Hash::Sha224)) => Box::new(Sha224::default()),
        Some(Algorithm::Hash(Hash::Sha256)) => Box::new(Sha256::default()),
        Some(Algorithm::Hash(Hash::Sha384)) => Box::new(Sha384::default()),
        Some(Algorithm::Hash(Hash::Sha512)) => Box::new(Sha512::default()),
        _ => {
            let problem = "has to be sha1, sha224, sha256, sha384 or sha512.";
            return Err(Failure::bad_argument("algorithm", problem));
        }
    })
}

struct Progress {
    loaded: f64,
    total: Option<f64>,
    on_progress: Option<Function>,
}

impl Progress {
    fn report(&self) {
        if let Some(on_progress) = &self.on_progress {
            let total = self.total.map_or(JsValue::UNDEFINED, JsValue::from);
            on_progress
                .call2(&JsValue::UNDEFINED, &self.loaded.into(), &total)
                .map_or_else(report, drop);
        }
    }
}

#[wasm_bindgen(module = "/js/next_task.js")]
extern "C" {
    #[wasm_bindgen(js_name = nextTask)]
    fn next_task_promise() -> Promise;
}

async fn next_task() -> Result<JsValue, JsValue> {
    wasm_bindgen_futures::JsFuture::from(next_task_promise()).await
}

/// Small enough to stay in the processor's cache between copying and hashing.
const BUFFER_LEN: usize = 64 * 1024;

/// How many milliseconds the hash may block the page: one frame at 60 Hz.
const MAX_BUSY: f64 = 16.0;
