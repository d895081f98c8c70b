//! The client in a real browser, on a bridge that says exactly what a test wants and when: for
//! moments that no real bridge can be brought to.

#![cfg(target_arch = "wasm32")]
// clippy.toml allows them in tests, but clippy does not know these as such.
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
