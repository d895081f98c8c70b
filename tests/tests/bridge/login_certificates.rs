//! A login opens one certificate, not the token. Another certificate asks again, keys for
//! non-repudiation ask each time, and no login lasts for ever.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::pinentry::{Answer, Kind};
use pkcs11_bridge_tests::test_module::Pinpad;
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken, Usage, fingerprint_id};
use serde_json::Value;
use tokio::time::sleep;

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{CANCELLED, PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN, wrong_pin};
use super::pinpad::{enter, set_pinpad};

/// The `CKA_ID` of the key for non-repudiation.
const BINDING: &str = "0e";

/// Parameters of `signData` without a PIN.
fn params(token: &TestToken, id: &str) -> Value {
    without(&sign_data(token, id, "sha256"), "pin")
}

/// A fixture with a key for non-repudiation, and parameters of `signData` for that key and for
/// another one, without a PIN.
fn fixture(lines: impl FnOnce(&str) -> String) -> (PinFixture, [Value; 2]) {
    let token = TestToken::new();
    let binding = token.add_key(Usage::NonRepudiation, KeyType::P256, "binding", BINDING);
    let lines = lines(&fingerprint_id(&binding.certificate_bytes()));
    let keys = [params(&token, KeyType::Rsa2048.id()), params(&token, BINDING)];
    (PinFixture::configured_on(token, &lines), keys)
}

#[tokio::test]
async fn after_one_pin_each_other_certificate_asks_again() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    let other = params(&fixture.token, KeyType::Rsa2048.id());
    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the first key", &fixture.sign(&mut page).await);

    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signData", other.clone()).await;
    assert_error("the other key", &outcome, CANCELLED, &[]);
    fixture.assert_signed("the first key", &fixture.sign(&mut page).await);
    fixture.pinentry.assert_dialogs(2);

    // The token judges a PIN that differs from the PIN of the login.
    fixture.pinentry.answer(Answer::pin(&wrong_pin(1)));
    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", other.clone()).await;
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
    // The wrong PIN ended the login of the first key. Its PIN is not sent again.
    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the first key", &fixture.sign(&mut page).await);
    for _ in 0..3 {
        page.result("signData", other.clone()).await;
        fixture.assert_signed("the first key", &fixture.sign(&mut page).await);
    }
    fixture.pinentry.assert_dialogs(5);
    fixture.module.assert_logins(3);
}

#[tokio::test]
async fn a_pages_pin_opens_its_certificate_only() {
    let fixture = PinFixture::new();
    let mut page = fixture.bridge.connect().await;
    let other = params(&fixture.token, KeyType::Rsa2048.id());
    fixture.assert_signed("the first key", &fixture.sign_with(&mut page, PIN).await);
    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signData", other.clone()).await;
    assert_error("the other key", &outcome, CANCELLED, &[]);
    page.result("signData", with(&other, "pin", PIN)).await;
    page.result("signData", other).await;
    fixture.module.assert_logins(1);
    let outcome = fixture.sign_with(&mut page, &wrong_pin(1)).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
}

/// One PIN for an authentication key once gave a page any number of binding signatures.
#[tokio::test]
async fn a_key_for_non_repudiation_asks_for_each_signature() {
    let (fixture, [key, binding]) = fixture(|_| String::new());
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", key.clone()).await;
    for number in 1..=3 {
        fixture.pinentry.answer(Answer::pin(PIN));
        page.result("signData", binding.clone()).await;
        page.result("signData", key.clone()).await;
        fixture.pinentry.assert_dialogs(1 + number);
    }
    // The page brings the PIN, so nobody is asked.
    page.result("signData", with(&binding, "pin", PIN)).await;
    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signData", binding).await;
    assert_error("after the PIN of the page", &outcome, CANCELLED, &[]);
    fixture.pinentry.assert_dialogs(5);
    fixture.module.assert_logins(1);
}

#[tokio::test]
async fn a_key_for_non_repudiation_asks_once_for_a_batch() {
    let (fixture, [_, binding]) = fixture(|_| String::new());
    let mut page = fixture.bridge.connect().await;
    let batch = with(&binding, "data", fixture.batch(20)["data"].clone());
    for number in 1..=2 {
        fixture.pinentry.answer(Answer::pin(PIN));
        let result = page.result("signDataBatch", batch.clone()).await;
        let items = result.as_array().expect("a list");
        assert!(
            items.len() == 20 && items.iter().all(|item| item["signature"].is_string()),
            "{items:?}"
        );
        fixture.pinentry.assert_dialogs(number);
    }
    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signData", binding).await;
    assert_error("one more", &outcome, CANCELLED, &[]);
}

#[tokio::test]
async fn at_a_pinpad_each_certificate_takes_a_pin() {
    let fixture = PinFixture::new();
    let other = params(&fixture.token, KeyType::Rsa2048.id());
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let mut page = fixture.bridge.connect().await;
    for params in [fixture.without_pin(), other] {
        let message = fixture.pinentry.answer(Answer::acknowledge().held());
        page.request("signData", params.clone()).await;
        enter(&fixture, message, Pinpad::typing(PIN));
        page.reply().await.1.expect("a signature");
        page.result("signData", params).await;
    }
    fixture.module.assert_logins(2);
    assert_eq!(fixture.module.count("C_Logout"), 1);
    let dialogs = fixture.pinentry.assert_dialogs(2);
    assert!(dialogs.iter().all(|dialog| dialog.kind == Kind::Message), "{dialogs:#?}");
}

/// A page that signs all the time once stayed logged in for ever.
#[tokio::test]
async fn a_login_that_is_always_in_use_ends_too() {
    let fixture = PinFixture::configured("login_seconds = 4\nlogin_idle_seconds = 3");
    let mut page = fixture.bridge.connect().await;
    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the first", &fixture.sign(&mut page).await);
    let start = Instant::now();
    let held = fixture.pinentry.answer(Answer::pin(PIN).held());
    while fixture.pinentry.dialogs().len() == 1 {
        assert!(start.elapsed() < Duration::from_secs(20), "it stays logged in");
        page.request("signData", fixture.without_pin()).await;
        let answered = tokio::time::timeout(Duration::from_millis(500), page.reply()).await;
        if let Ok((_, outcome)) = answered {
            fixture.assert_signed("a later one", &outcome);
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(start.elapsed() >= Duration::from_secs(3), "{:?}", start.elapsed());
    held.release();
    fixture.bridge.expect_log("it lasted as long as allowed");
}

#[tokio::test]
async fn rules_say_when_a_key_asks() {
    let (fixture, [key, binding]) = fixture(|binding| {
        format!(
            "[[rules]]\ncertificate = \"{binding}\"\nask = \"login\"\n\
             [[rules]]\norigin = \"{ORIGIN}\"\nask = \"each\"\n"
        )
    });
    let mut page = fixture.bridge.connect().await;
    for (params, dialogs) in [(&binding, [1, 1]), (&key, [2, 3])] {
        for count in dialogs {
            if fixture.pinentry.dialogs().len() < count {
                fixture.pinentry.answer(Answer::pin(PIN));
            }
            page.result("signData", params.clone()).await;
            fixture.pinentry.assert_dialogs(count);
        }
    }
}

#[tokio::test]
async fn a_rule_shortens_the_login_of_a_certificate() {
    let (fixture, [key, binding]) = fixture(|binding| {
        format!("[[rules]]\ncertificate = \"{binding}\"\nask = \"login\"\nlogin_seconds = 1\n")
    });
    let mut page = fixture.bridge.connect().await;
    for params in [&key, &binding] {
        fixture.pinentry.answer(Answer::pin(PIN));
        page.result("signData", params.clone()).await;
    }
    sleep(Duration::from_millis(1100)).await;
    page.result("signData", key).await;
    fixture.pinentry.answer(Answer::cancel());
    let outcome = page.call("signData", binding).await;
    assert_error("after its time", &outcome, CANCELLED, &[]);
}
