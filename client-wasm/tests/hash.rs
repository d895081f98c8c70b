//! `hash` in a real browser, against the browser's own SubtleCrypto. Needs no bridge.

#![cfg(target_arch = "wasm32")]
// clippy.toml allows them in tests, but clippy does not recognize these tests.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, ArrayBuffer, DataView, Function, Promise, Reflect, Uint8Array, Uint16Array};
use pkcs11_bridge_client::{RestException, hash};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_sys::Blob;

wasm_bindgen_test_configure!(run_in_browser);

const MIB: usize = 1024 * 1024;

#[wasm_bindgen_test]
async fn bytes_of_every_size_around_the_block_borders() {
    for len in [0, 1, 55, 56, 63, 64, 65, 119, 120, 65_535, 65_536, 65_537, 200_000] {
        let bytes = pattern(len);
        let expected = expected("SHA-256", &bytes).await;
        assert_eq!(hashed(bytes.clone().into(), "sha256").await, expected, "{len} bytes");
        assert_eq!(hashed(blob(&bytes).into(), "sha256").await, expected, "a blob of {len} bytes");
    }
}

#[wasm_bindgen_test]
async fn every_algorithm_has_all_its_names() {
    let bytes = pattern(1000);
    for (subtle, names) in [
        ("SHA-1", ["sha1", "SHA-1"]),
        ("SHA-256", ["sha256", "Sha-256"]),
        ("SHA-384", ["SHA384", "sha-384"]),
        ("SHA-512", ["sha512", "SHA-512"]),
    ] {
        for name in names {
            assert_eq!(hashed(bytes.clone().into(), name).await, expected(subtle, &bytes).await);
        }
    }
}

#[wasm_bindgen_test]
async fn a_blob_around_the_borders_of_the_buffer() {
    for len in [MIB - 1, MIB, MIB + 1, 9 * MIB + 7] {
        let bytes = pattern(len);
        let expected = expected("SHA-512", &bytes).await;
        assert_eq!(hashed(blob(&bytes).into(), "sha512").await, expected, "{len} bytes");
        assert_eq!(hashed(bytes.into(), "sha512").await, expected, "{len} bytes in memory");
    }
}

#[wasm_bindgen_test]
async fn a_blob_without_byob_reader() {
    let bytes = pattern(3 * MIB + 5);
    let expected = expected("SHA-256", &bytes).await;
    let reader = evaluate("globalThis.ReadableStreamBYOBReader");
    evaluate("delete globalThis.ReadableStreamBYOBReader");
    let hashed = hashed(blob(&bytes).into(), "sha256").await;
    Reflect::set(&js_sys::global(), &"ReadableStreamBYOBReader".into(), &reader).unwrap();
    assert_eq!(hashed, expected);
}

#[wasm_bindgen_test]
async fn views_and_buffers_of_every_kind() {
    let bytes = pattern(1000);
    let buffer: ArrayBuffer = bytes.buffer();
    let part = bytes.subarray(10, 20);
    let expected_part = expected("SHA-256", &part).await;
    let expected_all = expected("SHA-256", &bytes).await;
    assert_eq!(hashed(buffer.clone().into(), "sha256").await, expected_all);
    assert_eq!(hashed(part.into(), "sha256").await, expected_part);
    assert_eq!(hashed(DataView::new(&buffer, 10, 10).into(), "sha256").await, expected_part);
    let words = Uint16Array::new_with_byte_offset_and_length(&buffer, 10, 5);
    assert_eq!(hashed(words.into(), "sha256").await, expected_part);
}

#[wasm_bindgen_test]
async fn a_stream_of_any_chunks() {
    let bytes = pattern(3 * MIB + 5);
    let expected = expected("SHA-256", &bytes).await;
    assert_eq!(hashed(blob(&bytes).stream().into(), "sha256").await, expected);
    let uneven = stream_of(&bytes, &[0, 1, 63, 64, 65_536, 2 * MIB, 3 * MIB + 5]);
    assert_eq!(hashed(uneven, "sha256").await, expected);
    let empty = hashed(evaluate("new ReadableStream({ start: (c) => c.close() })"), "sha256").await;
    assert_eq!(empty, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[wasm_bindgen_test]
async fn progress_grows_to_the_end() {
    let bytes = pattern(9 * MIB + 7);
    let len = bytes.length() as f64;
    for (source, total) in [
        (blob(&bytes).into(), Some(len)),
        (bytes.clone().into(), Some(len)),
        (blob(&bytes).stream().into(), None),
    ] {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let record = {
            let seen = Rc::clone(&seen);
            Closure::<dyn FnMut(f64, Option<f64>)>::new(move |loaded, total| {
                seen.borrow_mut().push((loaded, total));
            })
        };
        hash(source, "sha1".into(), record.as_ref().clone()).await.unwrap();
        let seen = seen.borrow();
        assert!(seen.is_sorted_by(|(one, _), (next, _)| one <= next), "{seen:?}");
        assert_eq!(seen.last(), Some(&(len, total)));
        assert!(seen.iter().all(|(_, of)| *of == total), "{seen:?}");
    }
}

#[wasm_bindgen_test]
async fn the_page_stays_responsive() {
    let bytes = pattern(16 * MIB);
    let timer = evaluate(
        "(() => { \
            const timer = { ticks: 0, start: performance.now() }; \
            timer.id = setInterval(() => { timer.ticks += 1; }, 1); \
            return timer; \
        })()",
    );
    hashed(bytes.into(), "sha256").await;
    let number = |name: &str| Reflect::get(&timer, &name.into()).unwrap().as_f64().unwrap();
    clear_interval(number("id"));
    let (ticks, time) = (number("ticks"), now() - number("start"));
    // Not the longest wait, which is also that for the processor of a busy machine.
    assert!(ticks >= time / 100.0, "{ticks} ticks in {time} ms");
}

#[wasm_bindgen_test]
async fn other_sources_are_bad_arguments() {
    for (source, algorithm, problem) in [
        ("'text'", "sha256", "`source` has to be a Blob"),
        ("undefined", "sha256", "`source` has to be a Blob"),
        ("[1, 2, 3]", "sha256", "`source` has to be a Blob"),
        (
            "new Uint8Array(1)",
            "md5",
            "`algorithm` has to be sha1, sha224, sha256, sha384 or sha512",
        ),
        ("new Uint8Array(1)", "RS256", "`algorithm` has to be"),
        ("new Uint8Array(1)", "", "`algorithm` has to be"),
        (
            "new ReadableStream({ start: (c) => c.enqueue('text') })",
            "sha256",
            "of other things than bytes",
        ),
        (
            "new ReadableStream({ pull: (c) => c.error(new Error('the cable')) })",
            "sha256",
            "could not be read: the cable",
        ),
        (
            "new ReadableStream({ pull: (c) => c.error(7) })",
            "sha256",
            "could not be read: no reason",
        ),
        (
            "(() => { const s = new Blob(['a']).stream(); s.getReader(); return s; })()",
            "sha256",
            "is being read",
        ),
    ] {
        let error = hash(evaluate(source), algorithm.into(), JsValue::UNDEFINED).await.unwrap_err();
        assert_bad_argument(&error, problem);
    }
    let error = hash(pattern(1).into(), "sha1".into(), "listener".into()).await.unwrap_err();
    assert_bad_argument(&error, "`onProgress` has to be a function");
}

#[wasm_bindgen_test]
async fn bytes_that_change_during_the_hash_are_refused() {
    let bytes = pattern(8 * MIB);
    evaluate("globalThis.hashTest = {}; (b) => { hashTest.buffer = b; }")
        .unchecked_into::<Function>()
        .call1(&JsValue::UNDEFINED, &bytes.buffer())
        .unwrap();
    let give_away =
        evaluate("() => { structuredClone(hashTest.buffer, { transfer: [hashTest.buffer] }); }");
    // The listener is called in the first pause, and once more at the end.
    let error = hash(bytes.into(), "sha512".into(), give_away).await.unwrap_err();
    assert_bad_argument(&error, "`source` changed while it was read");
}

#[wasm_bindgen_test]
async fn a_refused_stream_is_cancelled() {
    let state = evaluate("globalThis.hashTest = { cancelled: false }");
    let source = evaluate(
        "new ReadableStream({ \
             start: (c) => c.enqueue(1), cancel: () => { hashTest.cancelled = true; } \
         })",
    );
    hash(source, "sha1".into(), JsValue::UNDEFINED).await.unwrap_err();
    assert_eq!(Reflect::get(&state, &"cancelled".into()).unwrap(), JsValue::TRUE);
}

#[wasm_bindgen_test]
async fn an_exception_of_on_progress_is_reported() {
    let bytes = pattern(10);
    let reported = evaluate(
        "globalThis.hashTest = { errors: [] }; addEventListener('error', (e) => { \
         hashTest.errors.push(e.message); e.preventDefault(); }, { once: true }); hashTest",
    );
    let listener = evaluate("() => { throw new Error('of the page'); }");
    let hashed = hash(bytes.clone().into(), "sha256".into(), listener).await.unwrap();
    assert_eq!(hashed, expected("SHA-256", &bytes).await);
    let errors: Array = Reflect::get(&reported, &"errors".into()).unwrap().unchecked_into();
    assert!(errors.get(0).as_string().unwrap().contains("of the page"));
}

fn assert_bad_argument(error: &RestException, problem: &str) {
    let description = error.description();
    assert!(description.contains(problem), "{description}");
    assert_eq!((error.status(), error.code().as_str()), (400, "801"));
}

async fn hashed(source: JsValue, algorithm: &str) -> String {
    hash(source, algorithm.into(), JsValue::UNDEFINED).await.unwrap()
}

/// The base64 of the hash that the browser makes.
async fn expected(algorithm: &str, bytes: &Uint8Array) -> String {
    let digest = JsFuture::from(digest(algorithm, bytes)).await.unwrap();
    let text: String = Uint8Array::new(&digest).to_vec().into_iter().map(char::from).collect();
    btoa(&text)
}

fn pattern(len: usize) -> Uint8Array {
    // In JavaScript, because Rust is not optimised here.
    let make = "(bytes) => { \
        for (let i = 0; i < bytes.length; i++) bytes[i] = i * 31 + i / 251; \
    }";
    let bytes = Uint8Array::new_with_length(len as u32);
    evaluate(make).unchecked_into::<Function>().call1(&JsValue::UNDEFINED, &bytes).unwrap();
    bytes
}

fn blob(bytes: &Uint8Array) -> Blob {
    Blob::new_with_u8_array_sequence(&Array::of1(bytes)).unwrap()
}

fn stream_of(bytes: &Uint8Array, borders: &[usize]) -> JsValue {
    let chunks = Array::new();
    for pair in borders.windows(2) {
        chunks.push(&bytes.subarray(pair[0] as u32, pair[1] as u32));
    }
    let make = evaluate(
        "(chunks) => new ReadableStream({ \
             pull: (c) => chunks.length ? c.enqueue(chunks.shift()) : c.close() \
         })",
    );
    make.unchecked_into::<Function>().call1(&JsValue::UNDEFINED, &chunks).unwrap()
}

fn evaluate(expression: &str) -> JsValue {
    js_sys::eval(expression).unwrap()
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = ["crypto", "subtle"])]
    fn digest(algorithm: &str, bytes: &Uint8Array) -> Promise;

    fn btoa(text: &str) -> String;

    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;

    #[wasm_bindgen(js_name = clearInterval)]
    fn clear_interval(id: f64);
}
