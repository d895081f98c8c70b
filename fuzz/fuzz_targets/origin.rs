//! Decodes an origin, and the headers `Origin` and `Host`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("origin", bytes));
