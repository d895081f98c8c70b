//! A module that crashes until it is set aside.

use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule, TestModule};
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken};

use super::ground::on_test_module;
use super::visit::Visit;

const TRIAL: &str = "[data-testid=trial]";

#[tokio::test(flavor = "multi_thread")]
async fn it_is_shown_as_set_aside_until_it_is_tried_again() {
    let token = TestToken::new();
    let module = TestModule::over(&token);
    let (_bridge, site) = on_test_module(&module).await;
    let visit = Visit::to(&site.url("/")).await;
    visit.choose(LABEL, "P-256").await;
    module.add(Rule::on("C_Sign").next(3).shows(Fault::Segfault));
    let state = "document.querySelector('[data-testid=module-option] .chip').textContent";
    for number in 1..=3 {
        visit.browser.wait_for("!document.querySelector('[data-busy]')").await;
        let form = "document.querySelector('#sign-button').textContent === 'Sign'";
        visit.browser.wait_for(form).await;
        visit.sign(PIN).await;
        let started = "document.querySelector('#sign-error').childElementCount === 0";
        if number > 1 {
            visit.browser.wait_for(started).await;
        }
        let told = visit.sign_error("500", "900").await;
        assert!(told.contains("crashed") && told.contains(NAME), "{told}");
    }
    visit.browser.wait_for(&format!("{state} === 'Set aside'")).await;
    let told = visit.browser.wait_for_shown(TRIAL).await;
    assert!(told.contains("tried again at") && told.contains("by itself"), "{told}");
    let told = visit.browser.wait_for_shown("#info-error [data-testid=error]").await;
    assert!(told.contains("is set aside") && !told.contains("refresh"), "{told}");
    visit.browser.screenshot("set-aside-1").await;

    // Nobody clicks on anything. It takes a minute, and each of these waits for as much.
    let soon = format!("/in \\d s/.test(document.querySelector('{TRIAL}')?.textContent)");
    visit.browser.wait_for(&soon).await;
    visit.choose(LABEL, "P-256").await;
    assert!(!visit.is_shown(TRIAL).await);
    visit.browser.wait_for(&format!("{state} === 'Running'")).await;
    visit.sign(PIN).await;
    visit.signature("").await;
    visit.browser.screenshot("set-aside-2-again").await;
    visit.assert_clean(&site.url("/")).await;
}
