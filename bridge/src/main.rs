//! The program: the library run, with memory that is wiped. This file alone formats for people.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::io::Write;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

/// Memory is wiped when it is freed: a PIN passes through buffers of libraries that do not do so.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    pkcs11_bridge::run().unwrap_or_else(|failed| {
        let _ = writeln!(std::io::stderr(), "pkcs11-bridge: {failed}");
        failed.exit_code()
    })
}
