//! Decodes a reply or an event of the bridge, as the page does.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pkcs11_bridge_fuzz::check("reply", bytes));
