//! The Vite app, built: sign two files with one PIN.

use pkcs11_bridge_tests::browser::Browser;
use pkcs11_bridge_tests::site::Site;
use serde_json::json;

use super::testbed::{Copied, Testbed};

#[tokio::test(flavor = "multi_thread")]
async fn the_vite_app_signs_files() {
    let testbed = Testbed::start();
    let app = Copied::installed("vite");
    app.npm(&["run", "build"]);

    let files = tempfile::tempdir().unwrap();
    let contents = [b"a contract".to_vec(), vec![7; 3_000_000]];
    let paths = ["contract.txt", "large.bin"].map(|name| files.path().join(name));
    for (path, content) in paths.iter().zip(&contents) {
        std::fs::write(path, content).unwrap();
    }

    let site = Site::reserve().await.folder("/", &app.folder().join("dist")).serve();
    let browser = Browser::start().await;
    browser.open(&site.url(&format!("/?port={}", testbed.port()))).await;
    for path in &paths {
        browser.choose_file("#files", path).await;
    }
    browser.click("#form button").await;
    browser.wait_for_shown("#signatures li:nth-child(2)").await;
    let status = browser.wait_for_shown("#status").await;
    browser.screenshot("example-vite-signed").await;

    let label = status.rsplit_once(" with ").map(|(_, label)| label.trim_end_matches('.'));
    let label = label.unwrap_or_else(|| panic!("no label in: {status}"));
    assert_eq!(status, format!("Signed 2 of 2 with {label}."));
    let signatures = "[...document.querySelectorAll('#signatures code')].map((it) => it.innerText)";
    let signatures = browser.value_of(signatures).await;
    for (content, signature) in contents.iter().zip(signatures.as_array().unwrap()) {
        testbed.assert_signed(label, content, signature.as_str().unwrap());
    }
    testbed.pinentry.assert_dialogs(2);
    assert_eq!(browser.problems().await, json!([]));
}
