//! A bridge that is killed while it signs, and one that is started again in its place.

use pkcs11_bridge_tests::test_module::{Rule, TestModule};
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken};

use super::ground::on_test_module;
use super::visit::{CONNECTED, Visit};

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_was_lost_and_goes_on_when_the_bridge_is_back() {
    let token = TestToken::new();
    let module = TestModule::over(&token);
    let (mut bridge, site) = on_test_module(&module).await;
    let visit = Visit::to(&site.url("/")).await;
    visit.choose(LABEL, "P-256").await;
    let held = module.add(Rule::on("C_Sign").held());
    visit.sign(PIN).await;
    module.wait_until_waiting("C_Sign", 1);

    bridge.kill();
    let told = visit.sign_error("500", "999").await;
    for part in ["signData was lost", "is not known", "Nothing is sent again", "by itself"] {
        assert!(told.contains(part), "{told}");
    }
    visit.browser.wait_for_shown("#panel-unreachable").await;
    visit.browser.wait_for_shown("#connection-status[data-phase=unreachable]").await;
    visit.browser.screenshot("killed-1-away").await;

    held.remove();
    bridge.start_again();
    // Nobody clicks on anything.
    let status = visit.browser.wait_for_shown(CONNECTED).await;
    assert!(status.contains("back since"), "{status}");
    let told = visit.sign_error("500", "999").await;
    for part in ["signData was lost", "is not known", "is back since", "Nothing was sent again"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(!visit.is_shown("#panel-unreachable").await);
    visit.choose(LABEL, "P-256").await;
    visit.browser.wait_for_shown("#slot-live[data-watching=true]").await;
    visit.browser.screenshot("killed-2-back").await;
    assert_eq!(module.count("C_Sign"), 0, "nothing was signed in the meantime");

    visit.sign(PIN).await;
    visit.signature("").await;
    visit.verify().await;
    assert!(!visit.is_shown("#sign-error [data-testid=error]").await);
    visit.browser.screenshot("killed-3-signed").await;
    assert_eq!(module.count("C_Sign"), 1);
    visit.assert_clean(&site.url("/")).await;
    visit.assert_without(&[PIN]).await;
}
