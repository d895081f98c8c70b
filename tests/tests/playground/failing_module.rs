//! A module that crashes until the bridge suspends it.

use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::test_module::{Fault, NAME, Rule, TestModule};
use pkcs11_bridge_tests::token::{LABEL, PIN, TestToken};

use super::page::PlaygroundPage;
use super::testbed::serve;

const TRIAL: &str = "[data-testid=trial]";

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_module_is_shown_until_its_next_trial() {
    let token = TestToken::new();
    let module = TestModule::wrapping(&token);
    let site = Site::reserve().await;
    // Each crash costs a try, and a page has only two. So the user enters the PIN.
    let pinentry = Pinentry::new();
    let setup = Setup::on_test_module(&module).origin(&site.origin()).pinentry(&pinentry);
    let bridge = setup.start();
    let site = serve(site, &bridge);
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "P-256").await;
    module.add(Rule::on("C_Sign").next(3).fault(Fault::Segfault));
    let state = "document.querySelector('[data-testid=module-option] .chip').textContent";
    for number in 1..=3 {
        page.browser.wait_for("!document.querySelector('[data-busy]')").await;
        let form = "document.querySelector('#sign-button').textContent === 'Sign'";
        page.browser.wait_for(form).await;
        pinentry.answer(Answer::pin(PIN));
        page.browser.click("#sign-button").await;
        let started = "document.querySelector('#sign-error').childElementCount === 0";
        if number > 1 {
            page.browser.wait_for(started).await;
        }
        let text = page.sign_error("500", "900").await;
        assert!(text.contains("crashed") && text.contains(NAME), "{text}");
    }
    page.browser.wait_for(&format!("{state} === 'Suspended'")).await;
    let text = page.browser.wait_for_shown(TRIAL).await;
    assert!(text.contains("tries it again at") && text.contains("on its own"), "{text}");
    let text = page.browser.wait_for_shown("#info-error [data-testid=error]").await;
    assert!(text.contains("is suspended") && !text.contains("refresh"), "{text}");
    page.browser.screenshot("set-aside-1").await;

    // No user clicks on anything. The suspension lasts a minute, and each of these
    // waits is as long.
    let soon = format!("/in \\d s/.test(document.querySelector('{TRIAL}')?.textContent)");
    page.browser.wait_for(&soon).await;
    page.choose(LABEL, "P-256").await;
    assert!(!page.is_shown(TRIAL).await);
    page.browser.wait_for(&format!("{state} === 'Running'")).await;
    pinentry.answer(Answer::pin(PIN));
    page.browser.click("#sign-button").await;
    page.signature("").await;
    page.browser.screenshot("set-aside-2-again").await;
    page.assert_clean(&site.url("/")).await;
}
