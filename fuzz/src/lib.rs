//! Fuzz targets by name: every decoder of a peer's bytes. No input may make a decoder panic, take
//! memory out of proportion, or repeat a value in an error. A decoded value stays the same when it
//! is written and decoded again. Each target checks that for itself.

mod access;
mod canary;
mod config;
mod dialog;
mod ipc;
mod token;
mod wire;

use peak_alloc::PeakAlloc;
use serde::Serialize;
use serde::de::DeserializeOwned;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Whether the input was decoded; otherwise the text of the error.
type Decoded = Result<(), String>;

/// A decoder of a peer's bytes.
struct Target {
    name: &'static str,
    decode: fn(&[u8]) -> Decoded,
    secrets: Secrets,
    /// The memory that any input may take.
    memory: usize,
    /// The memory that each byte of the input may take on top.
    memory_per_byte: usize,
}

/// Whether the input may hold a PIN or data to be signed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// The input is JSON that may hold them.
    Json,
    None,
}

const TARGETS: [Target; 14] = [
    json("answer", dialog::answer),
    bytes("certificate", token::certificate),
    // The TOML tree is larger than its text. Only the user writes this file.
    Target { memory_per_byte: 160, ..bytes("config-file", config::config_file) },
    bytes("handshake", access::handshake),
    bytes("origin", access::origin),
    bytes("pin-tries", access::pin_tries),
    // The decoder reserves the length that a frame announces.
    Target { memory: 140 << 20, ..bytes("pipe", ipc::pipe) },
    json("reply", wire::reply),
    json("request", wire::request),
    bytes("shown-text", dialog::shown_text),
    bytes("signature", token::signature),
    bytes("state-file", access::state_file),
    json("task", ipc::task),
    json("worker-message", ipc::worker_message),
];

const fn bytes(name: &'static str, decode: fn(&[u8]) -> Decoded) -> Target {
    Target {
        name,
        decode,
        secrets: Secrets::None,
        memory: MEMORY,
        memory_per_byte: MEMORY_PER_BYTE,
    }
}

const fn json(name: &'static str, decode: fn(&[u8]) -> Decoded) -> Target {
    Target { secrets: Secrets::Json, ..bytes(name, decode) }
}

/// The names of the targets.
pub fn targets() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|target| target.name)
}

/// Runs a target on one input. Run one target at a time, because the memory of the whole process is
/// counted.
///
/// # Panics
/// If the target does not exist, or if the decoder breaks a promise.
pub fn check(target: &str, input: &[u8]) {
    let target = TARGETS.iter().find(|known| known.name == target).expect("the target exists");
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let _ = (target.decode)(input);
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let allowed = target.memory + target.memory_per_byte * input.len();
    let name = target.name;
    assert!(taken <= allowed, "{name} takes {taken} bytes of memory for {} bytes", input.len());

    if target.secrets == Secrets::Json
        && let Some(planted) = canary::plant(input)
        && let Err(text) = (target.decode)(&planted)
    {
        assert!(!text.contains(canary::CANARY), "the error repeats a value: {text}");
    }
}

/// Checks that a decoded message is the same after it was written and decoded again.
fn round_trips<M: Serialize + DeserializeOwned>(message: &M) {
    let written = serde_json::to_vec(message).expect("a decoded message can be written");
    let again: M = serde_json::from_slice(&written).expect("a written message can be decoded");
    let again = serde_json::to_vec(&again).expect("a decoded message can be written");
    assert!(again == written, "the message changes when it is written and decoded");
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

const MEMORY: usize = 256 << 10;
const MEMORY_PER_BYTE: usize = 32;
