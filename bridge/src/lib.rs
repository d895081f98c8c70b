//! pkcs11-bridge: lets web pages use smart cards, USB tokens and HSMs through PKCS#11, as far as
//! their user allows. A library only so that what reads a peer's bytes can be fuzzed: its program is
//! its one user, and nothing here is an API for others.

#![deny(unsafe_code)]

mod access;
mod commands;
mod config;
mod dialog;
mod ipc;
mod modules;
mod process;
#[cfg(feature = "fuzzing")]
pub mod readers;
mod server;
mod service;
mod signing;
mod supervisor;
mod trace_points;
mod worker;

pub use commands::{Failed, run};
