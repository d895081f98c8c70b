//! Runs the client's own tests in headless Chromium, against a real bridge and a real
//! token. The tests stand in `client-wasm/tests`.

use std::net::TcpListener;
use std::process::Command;

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::bridge_control::BridgeControl;
use pkcs11_bridge_tests::browser::{chromedriver, isolate};
use pkcs11_bridge_tests::token::{MODULE, PIN, TestToken};
use pkcs11_bridge_tests::workspace;
use tokio::task::spawn_blocking;

#[tokio::test(flavor = "multi_thread")]
async fn the_client_works_in_a_browser() {
    let token = TestToken::new();
    let address = free_address();
    let bridge = Setup::new()
        .token(&token)
        .module(SOFTHSM, MODULE)
        .origin(&format!("http://{address}"))
        .start();
    let control = BridgeControl::serve(bridge).await;

    let mut command = Command::new("wasm-pack");
    isolate(&mut command)
        .args(["test", "--headless", "--chrome", "client-wasm"])
        .current_dir(workspace())
        .env("CHROMEDRIVER", chromedriver())
        .env("WASM_BINDGEN_TEST_ADDRESS", address)
        .env("WASM_BINDGEN_TEST_TIMEOUT", "300")
        .env("PKCS11_BRIDGE_PORT", control.port().to_string())
        .env("PKCS11_BRIDGE_CONTROL", control.url())
        .env("PKCS11_BRIDGE_PIN", PIN);
    let output = spawn_blocking(move || command.output()).await.unwrap().expect("wasm-pack");
    let output_text = [output.stdout, output.stderr]
        .map(|output_text| String::from_utf8_lossy(&output_text).into_owned());
    let output_text = output_text.concat();
    assert!(output.status.success(), "the client's tests failed:\n{output_text}");
    assert!(output_text.contains("test result: ok"), "no tests were run:\n{output_text}");
}

/// An address for the page of the tests. It is chosen in advance, because the bridge must allow it.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").to_string()
}
