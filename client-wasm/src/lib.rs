//! The page's side of pkcs11-bridge: `AbstractPkcs11` for JavaScript, over a WebSocket on the
//! loopback interface. The npm package `pkcs11-bridge-client` contains this crate as WebAssembly;
//! its loader calls [`connect`] and [`hash`].
//!
//! The client refuses bad arguments before it sends anything. It keeps a PIN no longer than the
//! request takes, and sends no request twice. It wipes all memory when it frees it, because many
//! places hold the PIN for a moment: the page's string, the decoder, the encoder's growing buffer.

#![forbid(unsafe_code)]

mod arguments;
mod batch;
mod bridge_search;
pub mod certificate;
mod client;
mod connection;
mod events;
mod hash;
mod module_config;
mod object;
mod pkcs11;
mod reply;
mod responder;
mod rest_exception;
mod signature_check;
mod socket;
mod value;

pub use client::{Client, connect};
pub use hash::hash;
pub use module_config::ModuleConfig;
pub use pkcs11::AbstractPkcs11;
pub use rest_exception::RestException;

// Only in the page does a PIN pass through this crate.
#[cfg(target_family = "wasm")]
#[global_allocator]
static MEMORY: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);
