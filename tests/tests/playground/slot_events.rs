//! A token that is taken out and put back while the page looks at it.

use pkcs11_bridge_tests::test_module::TestModule;
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken};

use super::ground::on_test_module;
use super::visit::Visit;

const NEWS: &str = "document.querySelector('#slot-news').textContent";

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_follow_by_themselves() {
    let token = TestToken::new();
    let module = TestModule::over(&token);
    let (_bridge, site) = on_test_module(&module).await;
    let visit = Visit::to(&site.url("/")).await;
    visit.choose(LABEL, "P-256").await;
    let told = visit.browser.wait_for_shown("#slot-live[data-watching=true]").await;
    assert!(told.contains("by themselves"), "{told}");
    visit.browser.screenshot("slot-1-watched").await;

    module.play(|card| card.pull());
    visit.browser.wait_for(&format!("{NEWS}.includes('“{LABEL}” was taken out')")).await;
    visit.browser.wait_for_shown("#no-token").await;
    visit.browser.wait_for_shown("#certificate-waits").await;
    assert!(!visit.is_shown("[data-testid=certificate-option]").await);
    assert!(!visit.is_shown("[data-testid=error]").await, "nothing has failed");
    visit.browser.screenshot("slot-2-taken-out").await;

    module.play(|card| card.put_back());
    visit.browser.wait_for(&format!("{NEWS}.includes('“{LABEL}” was put in')")).await;
    visit.choose(LABEL, "P-256").await;
    visit.browser.screenshot("slot-3-put-in").await;
    visit.sign(PIN).await;
    visit.signature("").await;
    visit.verify().await;
    // The page shows the very events.
    let shown = visit.browser.value_of("document.querySelector('#wire-slot').textContent").await;
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("watchSlots") && shown.contains("Last of 2 events"), "{shown}");
    visit.assert_clean(&site.url("/")).await;
}
