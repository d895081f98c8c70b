//! The client in a real browser, on a real bridge with a real token. The end-to-end tests start
//! the bridge and say by variables of the environment where it is; see `bridge/stage.rs`.

#![cfg(target_arch = "wasm32")]
// clippy.toml allows them in tests, but clippy does not know these as such.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod bridge {
    mod arguments;
    mod batch;
    mod callbacks;
    mod calls;
    mod connection;
    mod events;
    mod page;
    mod stage;
}

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
