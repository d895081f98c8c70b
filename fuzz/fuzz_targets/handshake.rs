//! Decodes the opening handshake of a connection.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("handshake", bytes));
