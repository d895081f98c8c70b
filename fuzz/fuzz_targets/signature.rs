//! An ECDSA signature as a token gives it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("signature", bytes));
