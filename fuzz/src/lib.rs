//! Everything that reads a peer's bytes, under names, and what has to hold of each reader whatever the
//! bytes are: it does not panic, takes memory in proportion, and repeats no value in an error. What is read
//! reads the same once written again; that the readers check themselves.

mod canary;
mod wire;

use peak_alloc::PeakAlloc;
use pkcs11_bridge::readers;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Whether the bytes were taken; otherwise the text of the error.
type Taken = Result<(), String>;

/// A reader of a peer's bytes.
struct Target {
    name: &'static str,
    read: fn(&[u8]) -> Taken,
    /// Whether what it reads is JSON that may hold a PIN or data.
    secrets: Secrets,
    /// What it may take of memory whatever the bytes are, and for each of them.
    memory: usize,
    memory_per_byte: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    /// In JSON.
    Json,
    None,
}

const TARGETS: [Target; 13] = [
    json("answer", readers::answer),
    bytes("certificate", certificate),
    // A tree of its own; only the user writes it.
    Target { memory_per_byte: 160, ..bytes("config-file", readers::config_file) },
    bytes("handshake", readers::handshake),
    json("job", readers::job),
    bytes("origin", readers::origin),
    // A frame may say that it is as long as this, and have its room.
    Target { memory: 140 << 20, ..bytes("pipe", readers::pipe) },
    json("reply", wire::reply),
    json("report", readers::report),
    json("request", wire::request),
    bytes("shown-text", readers::shown_text),
    bytes("signature", readers::signature),
    bytes("state-file", readers::state_file),
];

const fn bytes(name: &'static str, read: fn(&[u8]) -> Taken) -> Target {
    Target { name, read, secrets: Secrets::None, memory: MEMORY, memory_per_byte: MEMORY_PER_BYTE }
}

const fn json(name: &'static str, read: fn(&[u8]) -> Taken) -> Target {
    Target { secrets: Secrets::Json, ..bytes(name, read) }
}

/// The names of the targets.
pub fn targets() -> impl Iterator<Item = &'static str> {
    TARGETS.iter().map(|target| target.name)
}

/// Has a target read the bytes. Not to be called several times at once, because memory is counted for the
/// whole process.
///
/// # Panics
/// Where something does not hold that has to, or where there is no such target.
pub fn check(target: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|known| known.name == target).expect("the name of a target");
    ALLOCATOR.reset_peak_usage();
    let before = ALLOCATOR.current_usage();
    let _ = (target.read)(bytes);
    let taken = ALLOCATOR.peak_usage().saturating_sub(before);
    let allowed = target.memory + target.memory_per_byte * bytes.len();
    let name = target.name;
    assert!(taken <= allowed, "{name} takes {taken} bytes of memory for {} bytes", bytes.len());

    if target.secrets == Secrets::Json
        && let Some(planted) = canary::plant(bytes)
        && let Err(text) = (target.read)(&planted)
    {
        assert!(!text.contains(canary::CANARY), "an error that repeats a value: {text}");
    }
}

/// A certificate is read by the bridge's worker and by the page.
fn certificate(der: &[u8]) -> Taken {
    let of_page = pkcs11_bridge_client::certificate::parse(der).map(drop);
    readers::certificate(der).and(of_page)
}

const MEMORY: usize = 256 << 10;
const MEMORY_PER_BYTE: usize = 32;
