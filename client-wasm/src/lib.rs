//! The page's side of pkcs11-bridge: `AbstractPkcs11` for JavaScript, over a WebSocket on the
//! loopback interface. This crate is compiled to WebAssembly and comes as the npm package
//! `pkcs11-bridge-client`, whose loader calls [`connect`] and [`hash`].
//!
//! It refuses bad arguments before they travel, keeps PINs no longer than the request takes, and
//! never sends a request twice.

#![forbid(unsafe_code)]

mod arguments;
mod callback;
mod certificate;
mod client;
mod connection;
mod events;
mod hash;
mod incoming;
mod module_config;
mod pkcs11;
mod reply;
mod rest_exception;
mod socket;

pub use client::{Client, connect};
pub use hash::hash;
pub use module_config::ModuleConfig;
pub use pkcs11::AbstractPkcs11;
pub use rest_exception::RestException;
