//! The client in a real browser, on a real bridge with a real token. The end-to-end tests start the
//! bridge and pass its address in environment variables: see `bridge/bridge_control.rs`.

#![cfg(target_arch = "wasm32")]
// clippy.toml allows them in tests, but clippy does not recognize these tests.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bridge {
    mod arguments;
    mod authentication;
    mod batch;
    mod bridge_control;
    mod callbacks;
    mod calls;
    mod connection;
    mod events;
    mod page;
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
