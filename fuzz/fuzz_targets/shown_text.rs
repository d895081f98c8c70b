//! Makes text from pages and tokens safe for a dialog.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("shown-text", bytes));
