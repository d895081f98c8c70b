//! Decodes a message of a worker to the bridge.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("worker-message", bytes));
