//! Logins: which origin is logged in, how long, and that the token judges each PIN.

use pkcs11_bridge_tests::bridge::{Bridge, Setup};
use pkcs11_bridge_tests::digest::{base64, digest};
use pkcs11_bridge_tests::outcome::{Outcome, assert_ckr, assert_error};
use pkcs11_bridge_tests::params::{MESSAGE, sign_data, with, without};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, LABEL, PIN, SO_PIN, TestToken, WRONG_PIN};
use serde_json::Value;

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::PinFixture;

const OTHER_ORIGIN: &str = "https://other.example";

/// A token, a bridge that allows two origins, and the parameters of their pages.
struct LoginFixture {
    token: TestToken,
    bridge: Bridge,
    with_pin: Value,
    without_pin: Value,
}

impl LoginFixture {
    fn new() -> Self {
        let token = TestToken::new();
        let bridge = Setup::on(&token)
            .origin(OTHER_ORIGIN)
            .environment("PKCS11_BRIDGE_LOG", "trace")
            .start();
        let with_pin = sign_data(&token, KeyType::P256.id(), "sha256");
        let without_pin = without(&with_pin, "pin");
        Self { token, bridge, with_pin, without_pin }
    }

    /// Another program enters the right PIN, so that the token does not say any more that a wrong
    /// one came.
    fn forget_wrong_pins(&self) {
        self.token.pkcs11_tool(["--token-label", LABEL, "--login", "--pin", PIN, "--list-objects"]);
    }

    /// Signs with another PIN.
    async fn sign_with(&self, page: &mut Socket, pin: &str) -> Outcome {
        page.call("signData", with(&self.with_pin, "pin", pin)).await
    }
}

#[track_caller]
fn assert_pin_missing(what: &str, outcome: &Outcome) {
    assert_error(what, outcome, (400, "801"), &["`pin`"]);
}

#[track_caller]
fn assert_wrong_pin(what: &str, outcome: &Outcome) {
    assert_error(what, outcome, (412, "106"), &["PIN"]);
    assert_ckr(what, outcome, "CKR_PIN_INCORRECT");
}

#[tokio::test]
async fn without_a_login_the_bridge_demands_a_pin() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    assert_pin_missing(
        "before any login",
        &page.call("signData", fixture.without_pin.clone()).await,
    );
    page.result("signData", fixture.with_pin.clone()).await;
}

#[tokio::test]
async fn after_a_wrong_pin_the_right_pin_signs() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    assert_wrong_pin("a wrong PIN", &fixture.sign_with(&mut page, WRONG_PIN).await);
    let outcome = page.call("signData", fixture.without_pin.clone()).await;
    assert_pin_missing("after a wrong PIN", &outcome);
    fixture.forget_wrong_pins();
    page.result("signData", fixture.with_pin.clone()).await;
}

#[tokio::test]
async fn the_officers_pin_is_wrong() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    assert_wrong_pin("the officer's PIN", &fixture.sign_with(&mut page, SO_PIN).await);
}

#[tokio::test]
async fn after_a_login_the_origin_signs_without_a_pin() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.with_pin.clone()).await;
    page.result("signData", fixture.without_pin.clone()).await;
    // Another key needs the PIN too. Any page of the origin can sign with the first.
    let other_key = sign_data(&fixture.token, KeyType::Rsa3072.id(), "PS384");
    let outcome = page.call("signData", without(&other_key, "pin")).await;
    assert_pin_missing("another key", &outcome);
    page.result("signData", other_key).await;
    fixture.bridge.connect().await.result("signData", fixture.without_pin.clone()).await;
}

#[tokio::test]
async fn another_origin_needs_its_own_pin() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    page.result("signData", fixture.with_pin.clone()).await;
    let outcome = other.call("signData", fixture.without_pin.clone()).await;
    assert_pin_missing("another origin", &outcome);
    assert_wrong_pin("another origin", &fixture.sign_with(&mut other, WRONG_PIN).await);
    // A failure of one origin does not affect the other.
    page.result("signData", fixture.without_pin.clone()).await;
    fixture.forget_wrong_pins();
    other.result("signData", fixture.with_pin.clone()).await;
    other.result("signData", fixture.without_pin.clone()).await;
}

#[tokio::test]
async fn a_wrong_pin_is_judged_by_the_token_even_after_a_login() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.with_pin.clone()).await;
    for _ in 0..2 {
        assert_wrong_pin("while logged in", &fixture.sign_with(&mut page, WRONG_PIN).await);
        fixture.forget_wrong_pins();
        page.result("signData", fixture.with_pin.clone()).await;
    }
    page.result("signData", fixture.with_pin.clone()).await;
    page.result("signData", fixture.without_pin.clone()).await;
}

#[tokio::test]
async fn parallel_right_and_wrong_pins_get_their_own_results() {
    let fixture = PinFixture::without_pinentry(TestToken::new());
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut page = fixture.bridge.connect().await;
    page.result("signData", fixture.with_pin()).await;
    let wrong = with(&fixture.with_pin(), "pin", WRONG_PIN);
    let mut is_right = std::collections::HashMap::new();
    for number in 0..24 {
        let right = number % 3 != 0;
        let params = if right { fixture.with_pin() } else { wrong.clone() };
        is_right.insert(page.request("signData", params).await, right);
    }
    for _ in 0..24 {
        let (id, outcome) = page.reply().await;
        match is_right[&id.as_u64().unwrap()] {
            true => drop(outcome.expect("a signature with the right PIN")),
            false => assert_wrong_pin("one of many", &outcome),
        }
    }
}

#[tokio::test]
async fn the_login_ends_with_the_origins_last_connection() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    let mut second = fixture.bridge.connect().await;
    page.result("signData", fixture.with_pin.clone()).await;
    page.close().await;
    second.result("signData", fixture.without_pin.clone()).await;
    fixture.bridge.expect_workers(1);
    second.close().await;
    fixture.bridge.expect_workers(0);
    let mut third = fixture.bridge.connect().await;
    let outcome = third.call("signData", fixture.without_pin.clone()).await;
    assert_pin_missing("after the last connection closed", &outcome);
}

#[tokio::test]
async fn a_pin_of_an_unsupported_length_is_refused() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    let too_long = [PIN, "0"].concat().repeat(30);
    for (what, pin) in [
        ("an empty PIN", ""),
        ("a PIN that is too short", "7"),
        ("a PIN that is too long", too_long.as_str()),
        ("a very long PIN", &PIN.repeat(10_000)),
    ] {
        let outcome = fixture.sign_with(&mut page, pin).await;
        assert_error(what, &outcome, (412, "106"), &["PIN"]);
        assert_ckr(what, &outcome, "CKR_PIN_LEN_RANGE");
    }
    page.result("signData", fixture.with_pin.clone()).await;
    let outcome = fixture.sign_with(&mut page, "").await;
    assert_error("an empty PIN after a login", &outcome, (412, "106"), &["PIN"]);
}

#[tokio::test]
async fn a_pin_is_not_trimmed_or_changed() {
    for changed in [format!("{PIN} "), format!("{PIN}\0"), format!(" {PIN}"), format!("{PIN}\n")] {
        let fixture = LoginFixture::new();
        let mut page = fixture.bridge.connect().await;
        let outcome = fixture.sign_with(&mut page, &changed).await;
        assert_wrong_pin("a PIN with something around it", &outcome);
    }
}

#[tokio::test]
async fn pins_and_data_are_never_logged_or_echoed() {
    let fixture = LoginFixture::new();
    let mut page = fixture.bridge.connect().await;
    let data = base64(&digest("sha256", MESSAGE));
    page.result("signData", fixture.with_pin.clone()).await;
    let mut messages = String::new();
    for (params, field, value) in [
        (&fixture.with_pin, "pin", WRONG_PIN),
        (&fixture.with_pin, "data", WRONG_PIN),
        (&fixture.with_pin, "cert_id", WRONG_PIN),
        (&fixture.with_pin, "algorithm_reference", PIN),
        (&fixture.with_pin, "signature_format", PIN),
        (&fixture.without_pin, "Pin", PIN),
    ] {
        let outcome = page.call("signData", with(params, field, value)).await;
        messages.push_str(&outcome.expect_err(field).message);
    }
    let (_, outcome) = page.exchange(&format!("{{\"pin\": \"{PIN}\"")).await;
    messages.push_str(&outcome.expect_err("half a message").message);
    page.close().await;
    fixture.bridge.expect_workers(0);

    let log = fixture.bridge.log();
    assert!(log.len() > 100, "the log is on: {log}");
    for (place, text) in [("the log", &log), ("an error", &messages)] {
        for secret in [PIN, data.as_str()] {
            assert!(!text.contains(secret), "{secret} stands in {place}:\n{text}");
        }
    }
    assert!(!log.contains(WRONG_PIN), "a wrong PIN stands in the log:\n{log}");
}
