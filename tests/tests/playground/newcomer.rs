//! The demo, as a user knows it who reads nothing and chooses nothing.

use pkcs11_bridge_tests::demo::Demo;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};

use super::page::{CONNECTED, PlaygroundPage};

const RESTART: &str = "press Ctrl-C in its terminal and start it again";

async fn open(demo: &Demo) -> PlaygroundPage {
    PlaygroundPage::open(&format!("{}/", demo.url())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_key_signs_and_two_cancelled_entries_are_explained() {
    let pinentry = Pinentry::new();
    let demo = Demo::with_pinentry(&pinentry);
    pinentry.answer(Answer::allow());
    let page = open(&demo).await;
    page.browser.wait_for_shown(CONNECTED).await;
    page.browser.wait_for_shown("#sign-form").await;
    for told in ["Sign again when you are ready", "Sign again when you are ready", RESTART] {
        let asks = told != RESTART;
        let cancelled = asks.then(|| pinentry.answer(Answer::cancel()));
        page.browser.click("#sign-button").await;
        cancelled.map(|cancelled| cancelled.answered());
        let advice = "document.querySelector('#sign-error .notice-advice')?.textContent";
        page.browser.wait_for(&format!("{advice}?.includes('{told}')")).await;
        let error = page.sign_error("412", "109").await;
        assert!(!error.contains("--state-file"), "{error}");
    }
    page.browser.screenshot("newcomer-1-asks-no-more").await;
    pinentry.assert_dialogs(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_of_the_demo_offers_nothing_that_does_not_help() {
    let pinentry = Pinentry::new();
    let demo = Demo::with_pinentry(&pinentry);
    pinentry.answer(Answer::block());
    let page = open(&demo).await;
    let text = page.browser.wait_for_shown("#panel-refused").await;
    assert!(text.contains("You blocked this page") && text.contains(RESTART), "{text}");
    assert!(!text.contains("--state-file") && !text.contains("pkcs11-bridge origins"), "{text}");
    assert!(!page.is_shown("#retry-refused").await);
    page.browser.screenshot("newcomer-2-blocked").await;
}
