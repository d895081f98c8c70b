//! The client in a real browser, on a scripted bridge: for situations that a test cannot cause with
//! a real bridge.

#![cfg(target_arch = "wasm32")]
// clippy.toml allows them in tests, but clippy does not recognize these tests.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod scripted {
    mod batch;
    mod bridge;
    mod memory;
    #[path = "../bridge/page.rs"]
    mod page;
    mod reconnection;
    mod replies;
    mod revoked;
    mod silence;
    mod watching;
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
