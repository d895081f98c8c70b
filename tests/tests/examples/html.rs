//! The plain page: connect, choose a certificate, sign a text.

use pkcs11_bridge_tests::browser::Browser;
use pkcs11_bridge_tests::package::PackedPackage;
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::workspace;
use serde_json::{Value, json};

use super::testbed::Testbed;

#[tokio::test(flavor = "multi_thread")]
async fn the_html_page_signs_a_text() {
    let testbed = Testbed::start();
    let package = PackedPackage::new();
    let site = Site::reserve()
        .await
        .folder("/examples/html/", &workspace().join("examples/html"))
        .folder("/pkg/", &package.folder())
        .serve();
    let browser = Browser::start().await;
    browser.open(&site.url(&format!("/examples/html/?port={}", testbed.port()))).await;
    connect(&browser).await;
    browser.screenshot("example-html-1-connected").await;

    choose(&browser, "P-256").await;
    browser.fill("#text", "a contract").await;
    browser.click("#form button").await;
    let signature = browser.wait_for_shown("#signature").await;
    let status = browser.wait_for_shown("#status").await;
    browser.screenshot("example-html-2-signed").await;

    assert_eq!(status, "Signed, and the signature is valid.");
    testbed.assert_signed("P-256", b"a contract", &signature);
    testbed.pinentry.assert_dialogs(2);
    assert_eq!(browser.problems().await, json!([]));
}

/// Connects, and connects again if the page says so, as a person does. SoftHSM now and then lists
/// no token while other processes start on it.
async fn connect(browser: &Browser) {
    for _ in 0..5 {
        browser.click("#connect").await;
        let status = "document.querySelector('#status').textContent";
        let status =
            browser.wait_for(&format!("{status}.includes(' certificate') && {status}")).await;
        if !status.to_string().contains("connect again") {
            return;
        }
    }
    panic!("no certificate is listed");
}

/// Chooses the certificate with that label, as a person does.
async fn choose(browser: &Browser, label: &str) {
    let options = "[...document.querySelectorAll('#certificate option')]";
    let place = format!("{options}.findIndex((option) => option.text.startsWith('{label} ')) + 1");
    let Value::Number(place) = browser.value_of(&place).await else { panic!("a place") };
    browser.click(&format!("#certificate option:nth-child({place})")).await;
}
