//! Signing when the bridge asks for the PIN and the page shows no PIN field.

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::pinentry::{Answer, Kind, Pinentry};
use pkcs11_bridge_tests::secrets;
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken, WRONG_PIN};

use super::page::PlaygroundPage;
use super::testbed::{Testbed, serve};

const WAITING: &str = "#sign-waiting [data-testid=pin-waiting]";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_signs_without_a_pin_field_and_logs_out() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::approved(&pinentry, "").await;
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "P-256").await;
    assert!(!page.is_shown("#pin").await);

    let held = pinentry.answer(Answer::pin(PIN).held());
    page.browser.click("#sign-button").await;
    let told = page.browser.wait_for_shown(WAITING).await;
    assert!(told.contains("window"), "{told}");
    let dialog = held.opened();
    assert_eq!(dialog.kind, Kind::Pin);
    for named in [testbed.origin().as_str(), LABEL, "P-256"] {
        assert!(dialog.description().contains(named), "{dialog:?}");
    }
    page.browser.screenshot("pin-1-waiting").await;
    held.release();
    let first = page.signature("").await;
    assert!(!page.is_shown(WAITING).await);
    page.verify().await;
    page.browser.screenshot("pin-2-signed").await;

    // A logged-in page needs no dialog.
    page.browser.click("#sign-button").await;
    let second = page.signature(&first).await;
    pinentry.assert_dialogs(1);

    page.log_out("Logged out").await;
    page.log_out("not logged in").await;
    pinentry.answer(Answer::pin(PIN));
    page.browser.click("#sign-button").await;
    page.signature(&second).await;
    pinentry.assert_dialogs(2);
    page.assert_clean(&testbed.url()).await;
    page.assert_without(&[PIN]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_outcome_of_the_dialog() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::approved(&pinentry, "").await;
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "P-256").await;
    for (answer, status, code, told) in [
        (Answer::cancel(), "412", "109", "Nothing was signed"),
        (Answer::time_out(), "408", "110", "behind this one"),
    ] {
        pinentry.answer(answer);
        page.browser.click("#sign-button").await;
        let error = page.sign_error(status, code).await;
        assert!(error.contains(told), "{error}");
        assert!(!page.is_shown(WAITING).await);
    }
    page.browser.screenshot("pin-3-timed-out").await;
    pinentry.answer(Answer::pin(WRONG_PIN));
    let again = pinentry.answer(Answer::pin(PIN).held());
    page.browser.click("#sign-button").await;
    assert!(again.opened().problem().is_some(), "the window says that the PIN was wrong");
    again.release();
    page.signature("").await;
    pinentry.assert_dialogs(4);
    page.assert_clean(&testbed.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_leaves_the_last_try_to_the_bridge() {
    let (token, pinentry) = (TestToken::new(), Pinentry::new());
    let module = TestModule::wrapping(&token);
    module.simulate(|token| token.tries = Some(2));
    let site = Site::reserve().await;
    let setup = Setup::on_test_module(&module).origin(&site.origin()).pinentry(&pinentry);
    let bridge = setup.start();
    let site = serve(site, &bridge);
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "P-256").await;

    secrets::register(WRONG_PIN);
    page.sign(WRONG_PIN).await;
    page.sign_error("412", "104").await;
    page.sign(PIN).await;
    let error = page.sign_error("412", "104").await;
    assert!(error.contains("only in its own window"), "{error}");
    page.browser.screenshot("pin-4-last-try").await;
    module.assert_logins(1);

    let asked = pinentry.answer(Answer::pin(PIN));
    page.browser.click("[data-testid=let-bridge-ask]").await;
    page.signature("").await;
    let dialog = asked.answered();
    assert!(dialog.description().contains("Last try"), "{dialog:?}");
    assert!(!page.is_shown("#pin").await);
    page.assert_clean(&site.url("/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_native_pin_entry_the_page_offers_no_choice() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::approved(&pinentry, "pin_entry = \"native\"\n").await;
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "P-256").await;
    assert!(!page.is_shown("#pin-choice").await && !page.is_shown("#pin").await);
    pinentry.answer(Answer::pin(PIN));
    page.browser.click("#sign-button").await;
    page.signature("").await;
}
