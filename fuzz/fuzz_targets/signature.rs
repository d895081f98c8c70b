//! Decodes an ECDSA signature of a token.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("signature", bytes));
