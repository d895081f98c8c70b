//! The Node server and its page: log in with a certificate that a trusted authority has issued.

use pkcs11_bridge_tests::authority::{Authority, LOGIN, P256};
use pkcs11_bridge_tests::browser::Browser;
use pkcs11_bridge_tests::program::{Program, tool};
use pkcs11_bridge_tests::token::{KeyType, TestToken};
use serde_json::json;

use super::testbed::{Copied, Testbed};

#[tokio::test(flavor = "multi_thread")]
async fn the_login_example_knows_the_user() {
    let (token, authority) = (TestToken::new(), Authority::root("Example CA", P256));
    let key = token.generate_key(KeyType::P256, "login");
    token.write_private_key(&key, Some("0d"));
    token.write_certificate_file(authority.issue(&key, "Ada Lovelace", LOGIN), "Ada", "0d");
    let testbed = Testbed::on(token);

    let example = Copied::installed("login");
    std::fs::write(example.folder().join("issuers.pem"), authority.pem()).unwrap();
    let mut command = tool("node");
    command.args(["server.js", "issuers.pem", "http://127.0.0.1:0"]);
    let mut server = Program::start(command.current_dir(example.folder()));
    let origin = format!("http://{}", server.expect_line("listening on http://").trim());

    let browser = Browser::start().await;
    browser.open(&format!("{origin}/?port={}", testbed.port())).await;
    wait_for_status(&browser, "You are not logged in.").await;
    browser.click("#connect").await;
    browser.wait_for_shown("#form").await;
    choose(&browser, "Ada ").await;
    browser.click("#form button").await;
    let user = "CN=Ada Lovelace,O=pkcs11-bridge,C=BE";
    wait_for_status(&browser, &format!("You are logged in as {user}.")).await;
    browser.screenshot("example-login").await;
    testbed.pinentry.assert_dialogs(2);

    // The server remembers the user.
    browser.open(&format!("{origin}/?port={}", testbed.port())).await;
    wait_for_status(&browser, &format!("You are logged in as {user}.")).await;
    browser.click("#logout").await;
    wait_for_status(&browser, "You are not logged in.").await;
    assert_eq!(browser.problems().await, json!([]));
}

async fn wait_for_status(browser: &Browser, text: &str) {
    let found = "document.querySelector('#status').textContent";
    browser.wait_for(&format!("{found} === {}", json!(text))).await;
}

/// Chooses the certificate with that label.
async fn choose(browser: &Browser, label: &str) {
    let options = "[...document.querySelectorAll('#certificate option')]";
    let place = format!("{options}.findIndex((option) => option.text.startsWith('{label}')) + 1");
    let place = browser.value_of(&place).await;
    browser.click(&format!("#certificate option:nth-child({place})")).await;
}
