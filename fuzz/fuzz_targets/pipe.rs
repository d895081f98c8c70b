//! Decodes the frames between bridge and worker.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("pipe", bytes));
