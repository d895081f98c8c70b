//! Decodes the answer that the dialog process sends to the bridge.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("answer", bytes));
