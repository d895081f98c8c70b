//! Logging in with a certificate, for which the page plays the server.

use pkcs11_bridge_tests::demo::Demo;
use pkcs11_bridge_tests::pinentry::{Answer, Kind, Pinentry};
use pkcs11_bridge_tests::token::{LABEL, PIN};

use super::page::{CONNECTED, PlaygroundPage};
use super::testbed::Testbed;

const RESULT: &str = "#login-result:not([hidden])";

#[tokio::test(flavor = "multi_thread")]
async fn the_demos_log_in_key_logs_in_and_signs_nothing_else() {
    let pinentry = Pinentry::new();
    let demo = Demo::with_pinentry(&pinentry);
    pinentry.answer(Answer::allow());
    let page = PlaygroundPage::open(&format!("{}/", demo.url())).await;
    page.browser.wait_for_shown(CONNECTED).await;
    page.choose("Demo token", "Hedy Demo (log-in only)").await;

    page.browser.click("#sign-button").await;
    let error = page.sign_error("412", "406").await;
    assert!(error.contains("step 7"), "{error}");
    page.browser.screenshot("login-1-signs-nothing").await;

    let held = pinentry.answer(Answer::pin(demo.pin()).held());
    page.browser.click("#login-button").await;
    page.browser.wait_for_shown("#login-waiting [data-testid=pin-waiting]").await;
    let dialog = held.opened();
    assert_eq!(dialog.kind, Kind::Pin);
    for named in [demo.url(), "Hedy Demo"] {
        assert!(dialog.description().contains(named), "{dialog:?}");
    }
    held.release();
    let result = page.browser.wait_for_shown(RESULT).await;
    for named in ["You are Hedy Demo", "Demo CA", demo.url(), "ES256"] {
        assert!(result.contains(named), "no `{named}` in: {result}");
    }
    page.browser.click("#replay-button").await;
    let refused = page.browser.wait_for_shown("#replay-result [data-testid=refused]").await;
    assert!(refused.contains("another challenge"), "{refused}");
    page.browser.screenshot("login-2-verified").await;

    // The login is open for this certificate now.
    page.browser.click("#login-button").await;
    page.browser.wait_for("document.querySelector('#login-button').textContent === 'Log in'").await;
    page.browser.wait_for_shown(RESULT).await;
    pinentry.assert_dialogs(2);
    page.assert_clean(demo.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_why_nobody_is_logged_in() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::approved(&pinentry, "").await;
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "P-256").await;
    pinentry.answer(Answer::cancel());
    page.browser.click("#login-button").await;
    let error = "#login-error [data-testid=error][data-status='412'][data-code='109']";
    page.browser.wait_for_shown(error).await;

    // The certificate has expired by then.
    let later = "(() => { const later = 4102444800000; \
         Date = class extends Date { constructor(at = later) { super(at); } }; })()";
    page.browser.value_of(later).await;
    pinentry.answer(Answer::pin(PIN));
    page.browser.click("#login-button").await;
    let refused = page.browser.wait_for_shown("#login-error [data-testid=refused]").await;
    assert!(refused.contains("The server refuses it") && refused.contains("expired"), "{refused}");
    page.browser.screenshot("login-3-refused").await;
    assert!(!page.is_shown(RESULT).await);
    page.assert_clean(&testbed.url()).await;
}
