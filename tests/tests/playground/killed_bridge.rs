//! A bridge that is killed while it signs, and its successor.

use pkcs11_bridge_tests::test_module::{Rule, TestModule};
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken};

use super::page::{CONNECTED, PlaygroundPage};
use super::testbed::on_test_module;

#[tokio::test(flavor = "multi_thread")]
async fn the_page_reports_the_loss_and_continues_with_the_next_bridge() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    let (mut bridge, site) = on_test_module(&module).await;
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "P-256").await;
    let held = module.add(Rule::on("C_Sign").held());
    page.sign(PIN).await;
    module.wait_until_blocked("C_Sign", 1);

    bridge.kill();
    let text = page.sign_error("500", "999").await;
    for part in ["signData was lost", "is not known", "does not send it again", "on its own"] {
        assert!(text.contains(part), "{text}");
    }
    page.browser.wait_for_shown("#panel-unreachable").await;
    page.browser.wait_for_shown("#connection-status[data-phase=unreachable]").await;
    page.browser.screenshot("killed-1-away").await;

    held.remove();
    bridge.start_on_same_port();
    // No user clicks on anything.
    let status = page.browser.wait_for_shown(CONNECTED).await;
    assert!(status.contains("back since"), "{status}");
    let text = page.sign_error("500", "999").await;
    for part in ["signData was lost", "is not known", "is back since", "did not send it again"] {
        assert!(text.contains(part), "{text}");
    }
    assert!(!page.is_shown("#panel-unreachable").await);
    page.choose(LABEL, "P-256").await;
    page.browser.wait_for_shown("#slot-live[data-watching=true]").await;
    page.browser.screenshot("killed-2-back").await;
    assert_eq!(module.count("C_Sign"), 0, "nothing was signed in the meantime");

    page.sign(PIN).await;
    page.signature("").await;
    page.verify().await;
    assert!(!page.is_shown("#sign-error [data-testid=error]").await);
    page.browser.screenshot("killed-3-signed").await;
    assert_eq!(module.count("C_Sign"), 1);
    page.assert_clean(&site.url("/")).await;
    page.assert_without(&[PIN]).await;
}
