//! Runs the client's own tests in headless Chromium, against a real bridge and a real
//! token. The tests stand in `client-wasm/tests`.

use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::bridge_control::BridgeControl;
use pkcs11_bridge_tests::browser::{chromedriver, isolate};
use pkcs11_bridge_tests::token::{MODULE, PIN, TestToken};
use pkcs11_bridge_tests::workspace;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

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

    let ready = tokio::spawn(keep_threads_ready(address.clone()));
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
    ready.abort();
    let output_text = [output.stdout, output.stderr]
        .map(|output_text| String::from_utf8_lossy(&output_text).into_owned());
    let output_text = output_text.concat();
    assert!(output.status.success(), "the client's tests failed:\n{output_text}");
    assert!(output_text.contains("test result: ok"), "no tests were run:\n{output_text}");
}

/// Keeps idle threads in the server of wasm-bindgen's test runner.
///
/// The server gives each connection a thread. If several connections come at once, it may count one
/// thread for two of them, and the second waits for ever (tiny_http 0.12, `TaskPool::spawn`). The
/// page opens up to six at once. A thread stays idle for five seconds after its connection.
async fn keep_threads_ready(address: String) {
    loop {
        let mut connections = Vec::new();
        for _ in 0..12 {
            connections.extend(TcpStream::connect(&address).await);
            sleep(Duration::from_millis(10)).await;
        }
        drop(connections);
        sleep(Duration::from_millis(500)).await;
    }
}

/// An address for the page of the tests. It is chosen in advance, because the bridge must allow it.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").to_string()
}
