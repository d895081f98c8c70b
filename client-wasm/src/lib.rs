//! The page's side of pkcs11-bridge: `AbstractPkcs11` for JavaScript, over a WebSocket on the
//! loopback interface. This crate is compiled to WebAssembly and comes as the npm package
//! `pkcs11-bridge-client`, whose loader calls [`connect`] and [`hash`].
//!
//! It refuses bad arguments before they travel, keeps PINs no longer than the request takes, and
//! never sends a request twice. All memory is wiped when it is freed, because a PIN passes through
//! many hands: the page's string, the decoder, the encoder's growing buffer.

#![forbid(unsafe_code)]

mod arguments;
mod batch;

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
mod socket;
mod value;

pub use client::{Client, connect};
pub use hash::hash;
pub use module_config::ModuleConfig;
pub use pkcs11::AbstractPkcs11;
pub use rest_exception::RestException;

// Elsewhere no page's PIN passes through it.
#[cfg(target_family = "wasm")]
#[global_allocator]
static MEMORY: zeroizing_alloc::ZeroAlloc<std::alloc::System> =
    zeroizing_alloc::ZeroAlloc(std::alloc::System);
