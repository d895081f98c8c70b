//! The page while the user decides whether it may use tokens.

use std::time::Duration;

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::token::LABEL;

use super::page::{CONNECTED, PlaygroundPage};
use super::testbed::Testbed;

const ASKED: &str = "#panel-asked";
const REFUSED: &str = "#panel-refused";

#[tokio::test(flavor = "multi_thread")]
async fn the_page_points_to_the_dialog_and_continues_by_itself() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::unknown(&pinentry).await;
    let held = pinentry.answer(Answer::allow().held());
    let page = PlaygroundPage::open(&testbed.url()).await;
    let text = page.browser.wait_for_shown(ASKED).await;
    assert!(text.contains(&testbed.origin()) && text.contains("window"), "{text}");
    assert!(held.opened().description().contains(&testbed.origin()));
    page.browser.screenshot("consent-1-asked").await;

    held.release();
    page.browser.wait_for_shown(CONNECTED).await;
    page.choose(LABEL, "P-256").await;
    assert!(!page.is_shown(ASKED).await && !page.is_shown(REFUSED).await);
    pinentry.assert_dialogs(1);
    page.assert_clean(&testbed.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_denial_the_page_asks_only_on_request() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::unknown(&pinentry).await;
    pinentry.answer(Answer::deny());
    let page = PlaygroundPage::open(&testbed.url()).await;
    let text = page.browser.wait_for_shown(REFUSED).await;
    let command = format!("pkcs11-bridge origins allow {}", testbed.origin());
    assert!(text.contains(&command) && text.contains("10 min"), "{text}");
    page.browser.screenshot("consent-2-denied").await;

    // A denial pauses further questions.
    page.browser.click("#retry-refused").await;
    page.browser.wait_for_shown(REFUSED).await;
    pinentry.assert_dialogs(1);

    approvals::run_command(testbed.bridge.home(), &["allow", &testbed.origin()]);
    page.browser.click("#retry-refused").await;
    page.choose(LABEL, "P-256").await;
    pinentry.assert_dialogs(1);
    page.assert_clean(&testbed.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_revocation_the_page_does_not_ask_by_itself() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::unknown(&pinentry).await;
    pinentry.answer(Answer::allow());
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "P-256").await;

    approvals::run_command(testbed.bridge.home(), &["revoke", &testbed.origin()]);
    let text = page.browser.wait_for_shown(REFUSED).await;
    assert!(text.contains("revoked"), "{text}");
    testbed.bridge.expect_workers(0);
    // The page is connected again, but makes no call.
    page.browser.wait_for_shown("#connection-status[data-phase=refused]").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(page.browser.wait_for_shown(REFUSED).await.contains("revoked"));
    pinentry.assert_dialogs(1);

    page.browser.click("#retry-refused").await;
    let silenced = "document.querySelector('#refused-text').innerText.includes('10 min')";
    page.browser.wait_for(silenced).await;
    pinentry.assert_dialogs(1);
    page.assert_clean(&testbed.url()).await;
}
