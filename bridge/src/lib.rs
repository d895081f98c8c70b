//! pkcs11-bridge lets web pages use smart cards, USB tokens and HSMs through PKCS#11, with the
//! user's consent.
//!
//! One program runs as several processes:
//!
//! - The *bridge* listens on a loopback WebSocket (`server`). It knows which origins the user has
//!   allowed (`access`), answers calls (`service`), and decides which PIN may be tried
//!   (`signing`). It never loads a PKCS#11 module.
//! - A *worker* (`worker`) loads one module for one origin, so that logins stay apart and a crash
//!   harms no other origin. The `supervisor` starts and ends workers, and talks to them through a
//!   pipe (`ipc`).
//! - A *dialog* process (`dialog`) shows one question to the user, through a pinentry or the
//!   terminal.
//!
//! A call travels in this order, and its answer takes the same way back:
//!
//! ```text
//! page ═ server → service → signing → supervisor ═ ipc ═ worker → PKCS#11 module → token
//!                  (access)   (dialog)
//! ```
//!
//! The crate `pkcs11-bridge-protocol` specifies the wire. `ARCHITECTURE.md` in the repository says
//! which file to open for a change. The program is the only user of this library. Some modules are
//! public, so that fuzz targets can call their decoders. Nothing here is an API for others.

#![deny(unsafe_code)]

#[doc(hidden)]
pub mod access;
#[doc(hidden)]
pub mod certificate;
#[doc(hidden)]
pub mod cli;
mod commands;
#[doc(hidden)]
pub mod config;
mod confinement;
mod desktop_session;
#[doc(hidden)]
pub mod dialog;
mod doctor;
mod identity;
mod installation;
mod instance;
#[doc(hidden)]
pub mod ipc;
mod modules;
mod notification;
mod pin_proof;
mod process;
#[doc(hidden)]
pub mod server;
mod service;
#[doc(hidden)]
pub mod signing;
mod supervisor;
mod trace_points;
#[doc(hidden)]
pub mod verification;
#[cfg(windows)]
mod windows;
#[doc(hidden)]
pub mod worker;

pub use commands::{Failed, run};
