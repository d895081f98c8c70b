//! Decodes a certificate, as the worker and as the page do.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("certificate", bytes));
