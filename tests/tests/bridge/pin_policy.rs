//! `pin_entry` in the configuration: whether a page may send a PIN.

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::digest::{base64, digest};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken};
use serde_json::json;

use super::pin_dialog::DialogFixture;

const NATIVE: &str = "pin_entry = \"native\"";

#[tokio::test]
async fn with_native_pin_entry_a_pages_pin_is_refused_and_not_tried() {
    let fixture = DialogFixture::new(NATIVE);
    let mut page = fixture.bridge.connect().await;
    assert_eq!(page.result("hello", json!({})).await["pin_entry"], "native");
    let batch = with(&fixture.with_pin, "data", json!([base64(&digest("sha256", MESSAGE))]));
    for pin in [PIN, "wrong-81726354", ""] {
        for (method, params) in [("signData", &fixture.with_pin), ("signDataBatch", &batch)] {
            let outcome = page.call(method, with(params, "pin", pin)).await;
            let words = ["`pin` is not accepted from pages", "desktop"];
            assert_error(method, &outcome, (400, "801"), &words);
        }
    }
    assert!(!fixture.token_lost_a_try(&mut page).await);
    assert_eq!(fixture.pinentry.start_count(), 0);

    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", fixture.without_pin.clone()).await;
    // This also holds after the user has logged in.
    let outcome = page.call("signData", fixture.with_pin.clone()).await;
    assert_error("after a login", &outcome, (400, "801"), &["`pin`"]);
    page.result("signDataBatch", without(&batch, "pin")).await;
    fixture.pinentry.assert_dialogs(1);
}

#[tokio::test]
async fn with_native_pin_entry_the_error_asks_for_no_page_pin() {
    let token = TestToken::new();
    let bridge = Setup::on(&token).config(NATIVE).start();
    let params = without(&sign_data(&token, KeyType::P256.id(), "sha256"), "pin");
    let outcome = bridge.connect().await.call("signData", params).await;
    assert_error("no pinentry", &outcome, (500, "900"), &["Install a pinentry", "Test token"]);
    assert!(!outcome.unwrap_err().message.contains("`pin`"));
}

#[tokio::test]
async fn a_pages_pin_opens_no_dialog() {
    let fixture = DialogFixture::new("pin_entry = \"page-or-native\"");
    let mut page = fixture.bridge.connect().await;
    assert_eq!(page.result("hello", json!({})).await["pin_entry"], "page-or-native");
    page.result("signData", fixture.with_pin.clone()).await;
    assert_eq!(fixture.pinentry.start_count(), 0);
}

#[test]
fn settings_out_of_range_are_named() {
    for (setting, word) in [
        ("pin_entry = \"page\"", "page-or-native"),
        ("pin_entry = true", "pin_entry"),
        ("pinentry_program = 7", "pinentry_program"),
        ("dialog_seconds = 0", "dialog_seconds"),
        ("dialog_seconds = 86401", "dialog_seconds"),
        ("dialog_seconds = -1", "dialog_seconds"),
        ("login_idle_seconds = 0", "login_idle_seconds"),
        ("login_idle_seconds = 4294967297", "login_idle_seconds"),
        ("approval_days = 0", "approval_days"),
        ("approval_days = 3651", "approval_days"),
    ] {
        let finished = Setup::new().config(setting).run_to_end();
        assert_eq!(finished.code, Some(2), "{setting}: {}", finished.stderr);
        assert!(finished.stderr.contains(word), "{setting}: {}", finished.stderr);
    }
}
