//! Decodes a task that the bridge sends to a worker.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("task", bytes));
