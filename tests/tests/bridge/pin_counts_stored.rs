//! The counts of tries outlive the bridge. They are in a file before the PIN is sent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::test_module::{Rule, TestModule};
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken};

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{LAST_TRY, PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN, wrong_pin};

/// A fixture whose token says nothing of its tries.
fn fixture() -> PinFixture {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    fixture
}

fn file_of(bridge: &Bridge) -> PathBuf {
    bridge.home().path().join("state/pkcs11-bridge/pin-tries.json")
}

#[tokio::test]
async fn a_restart_gives_pages_no_further_try() {
    let mut fixture = fixture();
    for number in 1..=2 {
        let mut page = fixture.bridge.connect().await;
        let outcome = fixture.sign_with(&mut page, &wrong_pin(number)).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
        page.close().await;
        fixture.bridge.stop();
        fixture.bridge.start_on_same_port();
    }
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, &wrong_pin(3)).await;
    assert_error("a third wrong PIN", &outcome, LAST_TRY, &["did not accept", "desktop"]);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);
    let file = file_of(&fixture.bridge);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
    fixture.bridge.stop();
    fixture.bridge.start_on_same_port();
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the page's PIN", &fixture.sign_with(&mut page, PIN).await);
    assert_eq!(fixture.login_results()[2..], [RIGHT_LOGIN; 2]);
}

#[tokio::test]
async fn a_bridge_that_is_killed_over_a_pin_has_counted_it() {
    let mut fixture = fixture();
    for number in 1..=2 {
        let mut page = fixture.bridge.connect().await;
        let held = fixture.module.add(Rule::on("C_Login").held());
        page.request("signData", with(&fixture.with_pin(), "pin", wrong_pin(number))).await;
        fixture.module.wait_until_blocked("C_Login", number as usize);
        fixture.bridge.kill();
        held.release();
        fixture.bridge.start_on_same_port();
    }
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, &wrong_pin(3)).await;
    assert_error("a third wrong PIN", &outcome, LAST_TRY, &["did not accept"]);
    assert_eq!(fixture.module.blocked("C_Login"), 2);
}

#[tokio::test]
async fn a_bridge_that_is_killed_over_a_signature_has_given_the_try_back() {
    let mut fixture = fixture();
    for number in 1..=2 {
        let mut page = fixture.bridge.connect().await;
        let held = fixture.module.add(Rule::on("C_Sign").held());
        page.request("signData", fixture.with_pin()).await;
        fixture.module.wait_until_blocked("C_Sign", number);
        fixture.bridge.kill();
        held.release();
        fixture.bridge.start_on_same_port();
    }
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("the page's PIN", &fixture.sign_with(&mut page, PIN).await);
}

/// Both bridges use the state folder of the user.
#[tokio::test]
async fn two_bridges_count_together() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let module = TestModule::wrapping(&token);
    module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let setup = Setup::on_test_module(&module).pinentry(&pinentry);
        setup.argument("--state-file").argument(folder.path().join("approvals.json")).start()
    };
    let bridges = [start(), start()];
    let params = sign_data(&token, KeyType::P256.id(), "sha256");
    for (bridge, number) in bridges.iter().zip(1..) {
        let mut page = bridge.connect_as(ORIGIN).await;
        let outcome = page.call("signData", with(&params, "pin", wrong_pin(number))).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    }
    for bridge in &bridges {
        let mut page = bridge.connect_as(ORIGIN).await;
        let outcome = page.call("signData", with(&params, "pin", wrong_pin(3))).await;
        assert_error("a third wrong PIN", &outcome, LAST_TRY, &["did not accept"]);
    }
    module.assert_logins(2);
}

#[tokio::test]
async fn a_page_gets_no_try_that_cannot_be_recorded() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let module = TestModule::wrapping(&token);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let setup = Setup::on_test_module(&module).pinentry(&pinentry);
    let bridge = setup.argument("--state-file").argument(state.join("approvals.json")).start();
    fs::remove_dir_all(&state).unwrap();
    fs::write(&state, "").unwrap();
    let mut page = bridge.connect().await;
    let params = sign_data(&token, KeyType::P256.id(), "sha256");
    let outcome = page.call("signData", params.clone()).await;
    assert_error("a PIN of the page", &outcome, LAST_TRY, &["cannot write down", "desktop"]);
    module.assert_logins(0);
    bridge.expect_log("its try cannot be recorded");

    pinentry.answer(Answer::pin(PIN));
    page.result("signData", without(&params, "pin")).await;
    module.assert_logins(1);
}

#[tokio::test]
async fn an_unreadable_file_is_renamed_and_kept() {
    let mut fixture = fixture();
    let file = file_of(&fixture.bridge);
    for (number, text) in (1..).zip(["{", "\u{0}", r#"{"version":2,"tries":[]}"#]) {
        fixture.bridge.stop();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fixture.bridge.start_on_same_port();
        let mut page = fixture.bridge.connect().await;
        fixture.assert_signed("the right PIN", &fixture.sign_with(&mut page, PIN).await);
        let renamed = file.with_file_name(format!("pin-tries.json.unreadable-{number}"));
        assert_eq!(fs::read_to_string(renamed).unwrap(), text);
        fixture.bridge.expect_log("they count from zero");
    }
}
