//! Certificates that the token shows only after a login (`CKA_PRIVATE`).

use std::time::Duration;

use pkcs11_bridge_tests::digest::{base64, digest};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::program::{run, tool};
use pkcs11_bridge_tests::test_module::Rule;
use pkcs11_bridge_tests::token::{CertifiedKey, KeyType, PIN, TestToken, Usage};
use serde_json::{Value, json};

use super::fault_fixture::OVERDUE;
use super::pin_fixture::{CANCELLED, OTHER, PinFixture, RIGHT_LOGIN, assert_signature};

const HIDDEN: &str = "a1";

/// A fixture with such a certificate and its key.
fn set_up(usage: Usage) -> (PinFixture, CertifiedKey) {
    set_up_with(usage, "")
}

/// The same with more lines in the bridge's configuration.
fn set_up_with(usage: Usage, lines: &str) -> (PinFixture, CertifiedKey) {
    let token = TestToken::new();
    let issued = token.generate_key_for(usage, KeyType::P256, "hidden");
    token.write_private_key(&issued, Some(HIDDEN));
    let mut write = tool(env!("CARGO_BIN_EXE_write-certificate"));
    write.env("SOFTHSM2_CONF", token.configuration());
    run(write.arg(HIDDEN).arg(issued.certificate_der()).arg("private"));
    (PinFixture::configured_on(token, lines), issued)
}

/// Parameters of `signData` with that key, without a PIN.
fn signing(fixture: &PinFixture) -> Value {
    with(&fixture.without_pin(), "cert_id", HIDDEN)
}

fn has_hidden(list: &Value) -> bool {
    let list = list["certificates"].as_array().expect("an array");
    list.iter().any(|certificate| certificate["id"] == HIDDEN)
}

#[tokio::test]
async fn a_login_lists_them_and_opens_no_key() {
    let (fixture, _) = set_up(Usage::Signing);
    let mut page = fixture.bridge.connect().await;
    let slot = json!({ "slot_id": fixture.token.slot() });
    let list = page.result("certificates", slot.clone()).await;
    assert!(!has_hidden(&list) && list["login_required"] == true, "{list}");
    fixture.module.assert_logins(0);

    fixture.pinentry.answer(Answer::pin(PIN));
    for _ in 0..2 {
        let list = page.result("certificates", with(&slot, "login", true)).await;
        assert!(has_hidden(&list) && list["login_required"] == false, "{list}");
    }
    let dialogs = fixture.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("certificates"), "{}", dialogs[0].description());
    assert!(!dialogs[0].description().contains("SHA-256"));
    let list = page.result("certificates", slot.clone()).await;
    assert!(has_hidden(&list) && list["login_required"] == false, "{list}");

    // Each key still needs its own PIN.
    for (count, params) in [(2, signing(&fixture)), (3, fixture.without_pin())] {
        fixture.pinentry.answer(Answer::cancel());
        let outcome = page.call("signData", params).await;
        assert_error("another key", &outcome, CANCELLED, &[]);
        fixture.pinentry.assert_dialogs(count);
    }
    fixture.module.assert_logins(1);
    let mut other = fixture.bridge.connect_as(OTHER).await;
    assert!(!has_hidden(&other.result("certificates", slot.clone()).await));

    page.result("logout", slot.clone()).await;
    let list = page.result("certificates", slot).await;
    assert!(!has_hidden(&list) && list["login_required"] == true, "{list}");
}

#[tokio::test]
async fn a_slow_read_shows_them_to_no_call_after_the_logout() {
    let (fixture, _) = set_up_with(Usage::Signing, "read_deadline_seconds = 2");
    let mut page = fixture.bridge.connect().await;
    let slot = json!({ "slot_id": fixture.token.slot() });
    fixture.pinentry.answer(Answer::pin(PIN));
    assert!(has_hidden(&page.result("certificates", with(&slot, "login", true)).await));
    // Only from the second list on does the bridge know which token it is of.
    assert!(has_hidden(&page.result("certificates", slot.clone()).await));
    let slow = Rule::on("C_GetTokenInfo").next(1).sleep(Duration::from_secs(5));
    let rule = fixture.module.add(slow);
    let outcome = page.call("certificates", slot.clone()).await;
    assert_error("a slow read", &outcome, OVERDUE, &["certificates"]);
    page.result("logout", slot.clone()).await;
    // The read ends after the logout.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let list = page.result("certificates", slot).await;
    assert!(!has_hidden(&list) && list["login_required"] == true, "{list}");
    rule.remove();
}

/// Such a token shows its keys only after a login, although it says that it needs none.
#[tokio::test]
async fn a_login_opens_no_other_key_of_a_token_that_says_it_needs_none() {
    for opens_key in [false, true] {
        let fixture = PinFixture::new();
        fixture.module.simulate(|token| token.clear_flags = cryptoki_sys::CKF_LOGIN_REQUIRED);
        let mut page = fixture.bridge.connect().await;
        fixture.pinentry.answer(Answer::pin(PIN));
        if opens_key {
            let other = sign_data(&fixture.token, KeyType::Rsa2048.id(), "sha256");
            page.result("signData", without(&other, "pin")).await;
        } else {
            let list = json!({ "slot_id": fixture.token.slot(), "login": true });
            page.result("certificates", list).await;
        }
        fixture.module.assert_logins(1);
        for (count, method, params) in
            [(2, "signData", fixture.without_pin()), (3, "signDataBatch", fixture.batch(1))]
        {
            fixture.pinentry.answer(Answer::cancel());
            let outcome = page.call(method, params).await;
            assert_error(method, &outcome, CANCELLED, &[]);
            fixture.pinentry.assert_dialogs(count);
        }
    }
}

#[tokio::test]
async fn a_cancelled_pin_lists_nothing() {
    let (fixture, _) = set_up(Usage::Signing);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::cancel());
    let params = json!({ "slot_id": fixture.token.slot(), "login": true });
    let outcome = page.call("certificates", params).await;
    assert_error("a cancelled PIN", &outcome, CANCELLED, &[]);
    fixture.module.assert_logins(0);
}

#[tokio::test]
async fn a_signature_logs_in_to_find_its_certificate() {
    for usage in [Usage::Signing, Usage::NonRepudiation] {
        let (fixture, issued) = set_up(usage);
        let mut page = fixture.bridge.connect().await;
        // The PIN is for this signature only: the user did not see which certificate it is for.
        for count in 1..=2 {
            fixture.pinentry.answer(Answer::pin(PIN));
            let signature = page.result("signData", signing(&fixture)).await;
            assert_signature("one PIN", &issued, &digest("sha256", MESSAGE), &signature);
            let dialogs = fixture.pinentry.assert_dialogs(count);
            assert!(dialogs[count - 1].description().contains("SHA-256"), "what is signed");
        }
        assert_eq!(fixture.login_results()[0], RIGHT_LOGIN);
    }
}

#[tokio::test]
async fn the_pin_of_the_page_is_sent_once() {
    let (fixture, issued) = set_up(Usage::Signing);
    let mut page = fixture.bridge.connect().await;
    let params = with(&signing(&fixture), "pin", PIN);
    let signature = page.result("signData", params).await;
    assert_signature("with a PIN", &issued, &digest("sha256", MESSAGE), &signature);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    page.result("signData", signing(&fixture)).await;
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
    fixture.pinentry.assert_dialogs(0);
}

#[tokio::test]
async fn a_batch_and_a_proof_of_identity_log_in_too() {
    let (fixture, _) = set_up(Usage::Signing);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let batch = with(&fixture.batch(3), "cert_id", HIDDEN);
    let items = page.result("signDataBatch", batch).await;
    assert!(items.as_array().unwrap().iter().all(|item| item["signature"].is_string()), "{items}");
    fixture.pinentry.assert_dialogs(1);

    let mut other = fixture.bridge.connect_as(OTHER).await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let params = json!({
        "slot_id": fixture.token.slot(),
        "cert_id": HIDDEN,
        "challenge": base64(&[7; 32]),
    });
    other.result("authenticate", params).await;
    fixture.pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn an_id_is_not_found_if_the_bridge_cannot_ask_the_user() {
    let fixture = PinFixture::without_pinentry(TestToken::new());
    let mut page = fixture.bridge.connect().await;
    let params = with(&fixture.without_pin(), "cert_id", "ff");
    let outcome = page.call("signData", params).await;
    assert_error("no certificate", &outcome, (412, "404"), &["cert_id"]);
}

#[tokio::test]
async fn an_id_that_no_certificate_has_is_not_found_after_the_login() {
    let (fixture, _) = set_up(Usage::Signing);
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    let params = with(&fixture.without_pin(), "cert_id", "ff");
    for _ in 0..2 {
        let outcome = page.call("signData", params.clone()).await;
        assert_error("no certificate", &outcome, (412, "404"), &["cert_id"]);
    }
    fixture.pinentry.assert_dialogs(1);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}
