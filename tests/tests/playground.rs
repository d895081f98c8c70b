//! The playground in a real browser, by mouse and keyboard: from opening the page to a
//! verified signature. Screenshots stay in `tests/artifacts`.

mod playground {
    mod batch;
    mod consent;
    mod failing_module;
    mod killed_bridge;
    mod login;
    mod newcomer;
    pub mod page;
    mod pin_entry;
    mod slot_events;
    pub mod testbed;
}

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::bridge_control::BridgeControl;
use pkcs11_bridge_tests::demo::Demo;
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::token::{KeyType, LABEL, MODULE, PIN, TestToken, WRONG_PIN};
use playground::page::{CONNECTED, PlaygroundPage};
use playground::testbed::serve;

const INVALID: &str = "#verify-result [data-outcome=invalid]";

/// The playground on a site of the test, so that the test can stop and start its bridge.
async fn playground(origin_allowed: bool) -> (TestToken, BridgeControl, Site) {
    let token = TestToken::new();
    let site = Site::reserve().await;
    let mut setup = Setup::new().token(&token).module(SOFTHSM, MODULE);
    if origin_allowed {
        setup = setup.origin(&site.origin());
    }
    let bridge = setup.start();
    let site = serve(site, &bridge);
    (token, BridgeControl::serve(bridge).await, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_and_verifies_despite_a_wrong_pin_and_a_restart() {
    let (token, control, site) = playground(true).await;
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "P-256").await;
    page.browser.screenshot("playground-1-chosen").await;

    page.sign(WRONG_PIN).await;
    let text = page.sign_error("412", "106").await;
    assert!(text.contains("PIN") && text.contains("CKR_PIN_INCORRECT"), "{text}");
    assert!(!text.contains(WRONG_PIN), "{text}");
    assert_eq!(page.browser.value_of("document.querySelector('#pin').value").await, "");
    page.browser.screenshot("playground-2-wrong-pin").await;

    // The token says that a wrong PIN came, so no other PIN of the page is sent. With the right PIN
    // from another program it says so no more.
    token.pkcs11_tool(["--token-label", LABEL, "--login", "--pin", PIN, "--list-objects"]);
    page.browser.fill("#sign-text", "a contract").await;
    page.sign(PIN).await;
    let signature = page.signature("").await;
    assert_signed(&token, "sha256", b"a contract", &signature);
    page.verify().await;
    page.browser.screenshot("playground-3-verified").await;

    page.browser.click("#tamper-button").await;
    page.browser.click("#verify-button").await;
    page.browser.wait_for_shown(INVALID).await;
    page.browser.click("#restore-button").await;
    page.verify().await;

    // The page is logged in and needs no PIN. After the restart it needs one.
    page.browser.click("#sign-button").await;
    let second = page.signature(&signature).await;
    control.restart().await;
    page.browser.wait_for_shown(CONNECTED).await;
    page.browser
        .wait_for("document.querySelector('#step-certificate').dataset.state === 'done'")
        .await;
    page.browser.click("#sign-button").await;
    // This bridge has no way to ask the user.
    assert!(page.sign_error("400", "801").await.contains("PIN"));
    page.sign(PIN).await;
    let third = page.signature(&second).await;
    assert_signed(&token, "sha256", b"a contract", &third);
    page.verify().await;
    page.browser.screenshot("playground-4-after-restart").await;
    page.assert_clean(&site.url("/")).await;
    page.assert_without(&[PIN, WRONG_PIN]).await;
}

/// Lets OpenSSL verify a signature of the P-256 key.
fn assert_signed(token: &TestToken, algorithm: &str, message: &[u8], signature: &str) {
    let signature = openssl::der_of_raw_ecdsa(&from_base64(signature));
    let certificate = token.certified_key(KeyType::P256).certificate();
    let hash = digest(algorithm, message);
    assert!(openssl::verifies(&certificate, algorithm, &hash, &signature));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_hashed_in_the_page_and_signed() {
    let (token, _control, site) = playground(true).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large file.bin");
    let content: Vec<u8> = (0..20_000_000_u32).map(|number| number as u8).collect();
    std::fs::write(&file, &content).unwrap();

    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "P-256").await;
    page.browser.choose_file("#sign-file", &file).await;
    page.sign(PIN).await;
    let signature = page.signature("").await;
    assert_signed(&token, "sha256", &content, &signature);
    let data = page.browser.value_of("document.querySelector('#verify-data').value").await;
    assert_eq!(data, base64(&digest("sha256", &content)));
    page.verify().await;
    page.assert_clean(&site.url("/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_bridge_is_reported_and_found_again() {
    let (_token, control, site) = playground(true).await;
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.choose(LABEL, "RSA-2048").await;
    control.stop().await;
    page.browser.wait_for_shown("#panel-unreachable").await;
    page.browser.screenshot("playground-5-unreachable").await;
    control.start().await;
    // The page may already have found the bridge by itself. Then the button is hidden.
    page.browser.value_of("document.querySelector('#retry-connect').click()").await;
    page.browser.wait_for_shown(CONNECTED).await;
    page.choose(LABEL, "RSA-2048").await;
    page.sign(PIN).await;
    page.signature("").await;
    page.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_opened_before_the_bridge_waits_for_it() {
    let (_token, control, site) = playground(true).await;
    control.stop().await;
    let page = PlaygroundPage::open(&site.url("/")).await;
    page.browser.wait_for_shown("#panel-unreachable").await;
    control.start().await;
    // No user clicks on anything.
    page.choose(LABEL, "RSA-2048").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_dialog_the_page_shows_the_command_that_approves_it() {
    let (_token, control, site) = playground(false).await;
    let page = PlaygroundPage::open(&site.url("/")).await;
    let text = page.browser.wait_for_shown("#panel-refused").await;
    let origin = site.url("");
    assert!(text.contains("cannot ask"), "{text}");
    assert!(text.contains(&format!("pkcs11-bridge origins allow {origin}")), "{text}");
    page.browser.screenshot("playground-6-not-approved").await;
    assert_eq!(control.workers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_signs_with_each_key_after_consent() {
    let pinentry = Pinentry::new();
    let demo = Demo::with_pinentry(&pinentry);
    let consent = pinentry.answer(Answer::allow().held());
    let page = PlaygroundPage::open(&format!("{}/", demo.url())).await;
    page.browser.wait_for_shown("#panel-asked").await;
    page.browser.screenshot("demo-0-asked").await;
    consent.release();
    page.browser.wait_for_shown(CONNECTED).await;
    let count = "document.querySelectorAll('[data-testid=certificate-option]').length >= 4";
    page.browser.wait_for(count).await;
    page.browser.screenshot("demo-1-opened").await;

    let mut signature = String::new();
    let keys = "[...document.querySelectorAll('[data-testid=certificate-option]')]\
                .filter((card) => !card.textContent.includes('log-in only'))\
                .map((card) => card.dataset.key)";
    let keys = page.browser.value_of(keys).await;
    let keys = keys.as_array().unwrap();
    assert_eq!(keys.len(), 4, "one more is for log-ins only");
    for key in keys {
        page.browser.click(&format!("[data-testid=certificate-option][data-key={key}]")).await;
        // A login opens one certificate.
        pinentry.answer(Answer::pin(demo.pin()));
        page.browser.click("#sign-button").await;
        signature = page.signature(&signature).await;
        page.verify().await;
    }
    page.browser.screenshot("demo-2-verified").await;
    pinentry.assert_dialogs(1 + keys.len());

    page.log_out("Logged out").await;
    page.browser.click("#pin-in-page").await;
    page.browser.click("#fill-pin").await;
    // An RSA key would make the same signature for the same text.
    page.browser.fill("#sign-text", "another text").await;
    page.browser.click("#sign-button").await;
    page.signature(&signature).await;
    pinentry.assert_dialogs(1 + keys.len());
    page.assert_clean(demo.url()).await;
}
