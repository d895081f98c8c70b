//! The playground in a real browser, by mouse and keyboard: from opening the page to a verified
//! signature. Pictures of the page are kept in `tests/artifacts`.

mod playground {
    mod batch;
    mod consent;
    mod failing_module;
    pub mod ground;
    mod killed_bridge;
    mod pin_entry;
    mod slot_events;
    pub mod visit;
}

use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::demo::Demo;
use pkcs11_bridge_tests::digest::{base64, digest, from_base64};
use pkcs11_bridge_tests::openssl;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::site::Site;
use pkcs11_bridge_tests::stage::Stage;
use pkcs11_bridge_tests::token::{KeyType, LABEL, MODULE, PIN, TestToken, WRONG_PIN};
use playground::ground::serve;
use playground::visit::{CONNECTED, Visit};

const INVALID: &str = "#verify-result [data-outcome=invalid]";

/// The playground on a site of the test's own, so that its bridge can be stopped and started.
async fn playground(origin_allowed: bool) -> (TestToken, Stage, Site) {
    let token = TestToken::new();
    let site = Site::reserve().await;
    let mut setup = Setup::new().token(&token).module(SOFTHSM, MODULE);
    if origin_allowed {
        setup = setup.origin(&site.origin());
    }
    let bridge = setup.start();
    let site = serve(site, &bridge);
    (token, Stage::around(bridge).await, site)
}

#[tokio::test(flavor = "multi_thread")]
async fn from_the_first_look_to_a_verified_signature_with_a_wrong_pin_and_a_restart_in_between() {
    let (token, stage, site) = playground(true).await;
    let visit = Visit::to(&site.url("/")).await;
    visit.choose(LABEL, "P-256").await;
    visit.browser.screenshot("playground-1-chosen").await;

    visit.sign(WRONG_PIN).await;
    let told = visit.sign_error("412", "106").await;
    assert!(told.contains("PIN") && told.contains("CKR_PIN_INCORRECT"), "{told}");
    assert!(!told.contains(WRONG_PIN), "{told}");
    assert_eq!(visit.browser.value_of("document.querySelector('#pin').value").await, "");
    visit.browser.screenshot("playground-2-wrong-pin").await;

    visit.browser.fill("#sign-text", "a contract").await;
    visit.sign(PIN).await;
    let signature = visit.signature("").await;
    assert_signed(&token, "sha256", b"a contract", &signature);
    visit.verify().await;
    visit.browser.screenshot("playground-3-verified").await;

    visit.browser.click("#tamper-button").await;
    visit.browser.click("#verify-button").await;
    visit.browser.wait_for_shown(INVALID).await;
    visit.browser.click("#restore-button").await;
    visit.verify().await;

    // Logged in: no PIN is needed. After the restart it is.
    visit.browser.click("#sign-button").await;
    let second = visit.signature(&signature).await;
    stage.restart().await;
    visit.browser.wait_for_shown(CONNECTED).await;
    visit
        .browser
        .wait_for("document.querySelector('#step-certificate').dataset.state === 'done'")
        .await;
    visit.browser.click("#sign-button").await;
    // Nobody can be asked here.
    assert!(visit.sign_error("400", "801").await.contains("PIN"));
    visit.sign(PIN).await;
    let third = visit.signature(&second).await;
    assert_signed(&token, "sha256", b"a contract", &third);
    visit.verify().await;
    visit.browser.screenshot("playground-4-after-restart").await;
    visit.assert_clean(&site.url("/")).await;
    visit.assert_without(&[PIN, WRONG_PIN]).await;
}

/// Has OpenSSL judge a signature of the P-256 key.
fn assert_signed(token: &TestToken, algorithm: &str, message: &[u8], signature: &str) {
    let signature = openssl::der_of_raw_ecdsa(&from_base64(signature));
    let certificate = token.issued(KeyType::P256).certificate();
    let hash = digest(algorithm, message);
    assert!(openssl::verifies(&certificate, algorithm, &hash, &signature));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_hashed_in_the_page_and_signed() {
    let (token, _stage, site) = playground(true).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large file.bin");
    let content: Vec<u8> = (0..20_000_000_u32).map(|number| number as u8).collect();
    std::fs::write(&file, &content).unwrap();

    let visit = Visit::to(&site.url("/")).await;
    visit.choose(LABEL, "P-256").await;
    visit.browser.choose_file("#sign-file", &file).await;
    visit.sign(PIN).await;
    let signature = visit.signature("").await;
    assert_signed(&token, "sha256", &content, &signature);
    let data = visit.browser.value_of("document.querySelector('#verify-data').value").await;
    assert_eq!(data, base64(&digest("sha256", &content)));
    visit.verify().await;
    visit.assert_clean(&site.url("/")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_that_is_away_for_a_while_is_told_and_found_again() {
    let (_token, stage, site) = playground(true).await;
    let visit = Visit::to(&site.url("/")).await;
    visit.choose(LABEL, "RSA-2048").await;
    stage.stop().await;
    visit.browser.wait_for_shown("#panel-unreachable").await;
    visit.browser.screenshot("playground-5-unreachable").await;
    stage.start().await;
    visit.browser.click("#retry-connect").await;
    visit.browser.wait_for_shown(CONNECTED).await;
    visit.choose(LABEL, "RSA-2048").await;
    visit.sign(PIN).await;
    visit.signature("").await;
    visit.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_opened_before_the_bridge_waits_for_it() {
    let (_token, stage, site) = playground(true).await;
    stage.stop().await;
    let visit = Visit::to(&site.url("/")).await;
    visit.browser.wait_for_shown("#panel-unreachable").await;
    stage.start().await;
    // Nobody clicks on anything.
    visit.choose(LABEL, "RSA-2048").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_asked_the_page_says_what_approves_it() {
    let (_token, stage, site) = playground(false).await;
    let visit = Visit::to(&site.url("/")).await;
    let told = visit.browser.wait_for_shown("#panel-refused").await;
    let origin = site.url("");
    assert!(told.contains("cannot ask"), "{told}");
    assert!(told.contains(&format!("pkcs11-bridge origins allow {origin}")), "{told}");
    visit.browser.screenshot("playground-6-not-approved").await;
    assert_eq!(stage.workers(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_leads_from_consent_to_a_signature_with_each_of_its_keys() {
    let pinentry = Pinentry::new();
    let demo = Demo::asking(&pinentry);
    let consent = pinentry.answer(Answer::allow().held());
    let visit = Visit::to(&format!("{}/", demo.url())).await;
    visit.browser.wait_for_shown("#panel-asked").await;
    visit.browser.screenshot("demo-0-asked").await;
    consent.release();
    visit.browser.wait_for_shown(CONNECTED).await;
    let count = "document.querySelectorAll('[data-testid=certificate-option]').length >= 4";
    visit.browser.wait_for(count).await;
    visit.browser.screenshot("demo-1-opened").await;

    let mut signature = String::new();
    let keys = "[...document.querySelectorAll('[data-testid=certificate-option]')].map((card) => card.dataset.key)";
    for key in visit.browser.value_of(keys).await.as_array().unwrap() {
        visit.browser.click(&format!("[data-testid=certificate-option][data-key={key}]")).await;
        if signature.is_empty() {
            // The first PIN is asked for by the bridge; then the page is logged in.
            pinentry.answer(Answer::pin(demo.pin()));
        }
        visit.browser.click("#sign-button").await;
        signature = visit.signature(&signature).await;
        visit.verify().await;
    }
    visit.browser.screenshot("demo-2-verified").await;
    pinentry.assert_dialogs(2);

    visit.log_out("Logged out").await;
    visit.browser.click("#pin-in-page").await;
    visit.browser.click("#fill-pin").await;
    // An RSA key would sign the same text as before.
    visit.browser.fill("#sign-text", "another text").await;
    visit.browser.click("#sign-button").await;
    visit.signature(&signature).await;
    pinentry.assert_dialogs(2);
    visit.assert_clean(demo.url()).await;
}
