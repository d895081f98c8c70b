//! The bridge's own window, with typed keys and clicks.

use std::time::Duration;

use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::params::without;
use pkcs11_bridge_tests::token::{KeyType, PIN};
use pkcs11_bridge_tests::wine::bridge::Setup;
use pkcs11_bridge_tests::wine::software_token::{TestSoftwareToken, sign_data};
use tokio::time::sleep;

/// The window takes no answer before it.
const PAUSE: Duration = Duration::from_millis(1500);

// One test, because all windows of Wine are on one display.
#[tokio::test]
async fn the_user_allows_a_site_and_enters_the_pin() {
    let token = TestSoftwareToken::new();
    let desktop = Desktop::of_wine();
    let bridge = Setup::new(&token.configuration()).start();
    let mut page = bridge.connect_as("https://new.example").await;
    let params = without(&sign_data(KeyType::Rsa2048, "sha256"), "pin");
    page.request("signData", params).await;
    desktop.wait_for_window();
    sleep(PAUSE).await;
    desktop.screenshot("windows-1-consent");
    desktop.click(-60, 30);
    desktop.wait_for_window();
    sleep(PAUSE).await;
    desktop.type_secret(PIN);
    desktop.screenshot("windows-2-pin");
    desktop.press("Return");
    page.reply().await.1.expect("a signature");
    desktop.wait_for_no_window();

    // Escape denies, and stops nothing else.
    let mut other = bridge.connect_as("https://other.example").await;
    other.request("hello", serde_json::json!({})).await;
    desktop.wait_for_window();
    sleep(PAUSE).await;
    desktop.press("Escape");
    other.reply().await.1.expect_err("the user denied it");
    desktop.wait_for_no_window();
}
