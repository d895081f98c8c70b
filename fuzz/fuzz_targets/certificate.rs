//! A certificate on a token, as the bridge and as the page read it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("certificate", bytes));
