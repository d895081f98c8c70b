//! A token that is removed and inserted while the page shows it.

use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken};

use super::page::PlaygroundPage;
use super::testbed::on_test_module;

const NEWS: &str = "document.querySelector('#slot-news').textContent";

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_follow_slot_events() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    let (_bridge, site) = on_test_module(&module).await;
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "P-256").await;
    let text = page.browser.wait_for_shown("#slot-live[data-watching=true]").await;
    assert!(text.contains("on its own"), "{text}");
    page.browser.screenshot("slot-1-watched").await;

    module.simulate(|token| token.remove());
    page.browser.wait_for(&format!("{NEWS}.includes('“{LABEL}” was removed')")).await;
    page.browser.wait_for_shown("#no-token").await;
    page.browser.wait_for_shown("#certificate-waits").await;
    assert!(!page.is_shown("[data-testid=certificate-option]").await);
    assert!(!page.is_shown("[data-testid=error]").await, "nothing has failed");
    page.browser.screenshot("slot-2-taken-out").await;

    module.simulate(|token| token.insert());
    page.browser.wait_for(&format!("{NEWS}.includes('“{LABEL}” was inserted')")).await;
    page.choose(LABEL, "P-256").await;
    page.browser.screenshot("slot-3-put-in").await;
    page.sign(PIN).await;
    page.signature("").await;
    page.verify().await;
    // The page shows the same events.
    let shown = page.browser.value_of("document.querySelector('#wire-slot').textContent").await;
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("watchSlots") && shown.contains("Last of 2 events"), "{shown}");
    page.assert_clean(&site.url("/")).await;
}
