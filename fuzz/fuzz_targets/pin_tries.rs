//! Decodes the file with the tries of PINs.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("pin-tries", bytes));
