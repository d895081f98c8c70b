//! pkcs11-bridge: lets web pages use smart cards, USB tokens and HSMs through PKCS#11, as far as
//! their user allows. The program is the only user of this library. Some modules are public, so that
//! fuzz targets can call their decoders. Nothing here is an API for others.

#![deny(unsafe_code)]

#[doc(hidden)]
pub mod access;
#[doc(hidden)]
pub mod commands;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod dialog;
mod ipc;
mod modules;
mod process;
#[cfg(feature = "fuzzing")]
pub mod readers;
#[doc(hidden)]
pub mod server;
mod service;
mod signing;
mod supervisor;
mod trace_points;
#[doc(hidden)]
pub mod worker;

pub use commands::{Failed, run};
