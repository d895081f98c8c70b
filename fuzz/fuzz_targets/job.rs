//! Decodes a request of the bridge to a worker.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("job", bytes));
