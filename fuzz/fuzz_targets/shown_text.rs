//! Text of somebody else in a dialog.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("shown-text", bytes));
