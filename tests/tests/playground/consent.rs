//! How the page leads a person through the question whether it may use tokens.

use std::time::Duration;

use pkcs11_bridge_tests::approvals;
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::token::LABEL;

use super::ground::Ground;
use super::visit::{CONNECTED, Visit};

const ASKED: &str = "#panel-asked";
const REFUSED: &str = "#panel-refused";

#[tokio::test(flavor = "multi_thread")]
async fn it_says_where_the_question_is_and_goes_on_by_itself() {
    let pinentry = Pinentry::new();
    let ground = Ground::unknown(&pinentry).await;
    let held = pinentry.answer(Answer::allow().held());
    let visit = Visit::to(&ground.url()).await;
    let told = visit.browser.wait_for_shown(ASKED).await;
    assert!(told.contains(&ground.origin()) && told.contains("window"), "{told}");
    assert!(held.opened().description().contains(&ground.origin()));
    visit.browser.screenshot("consent-1-asked").await;

    held.release();
    visit.browser.wait_for_shown(CONNECTED).await;
    visit.choose(LABEL, "P-256").await;
    assert!(!visit.is_shown(ASKED).await && !visit.is_shown(REFUSED).await);
    pinentry.assert_dialogs(1);
    visit.assert_clean(&ground.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_denial_it_asks_only_when_told_to() {
    let pinentry = Pinentry::new();
    let ground = Ground::unknown(&pinentry).await;
    pinentry.answer(Answer::deny());
    let visit = Visit::to(&ground.url()).await;
    let told = visit.browser.wait_for_shown(REFUSED).await;
    let command = format!("pkcs11-bridge origins allow {}", ground.origin());
    assert!(told.contains(&command) && told.contains("10 min"), "{told}");
    visit.browser.screenshot("consent-2-denied").await;

    // A denial silences further questions.
    visit.browser.click("#retry-refused").await;
    visit.browser.wait_for_shown(REFUSED).await;
    pinentry.assert_dialogs(1);

    approvals::succeed(ground.bridge.home(), &["allow", &ground.origin()]);
    visit.browser.click("#retry-refused").await;
    visit.choose(LABEL, "P-256").await;
    pinentry.assert_dialogs(1);
    visit.assert_clean(&ground.url()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_approval_is_taken_back_it_asks_nothing_by_itself() {
    let pinentry = Pinentry::new();
    let ground = Ground::unknown(&pinentry).await;
    pinentry.answer(Answer::allow());
    let visit = Visit::to(&ground.url()).await;
    visit.choose(LABEL, "P-256").await;

    approvals::succeed(ground.bridge.home(), &["revoke", &ground.origin()]);
    let told = visit.browser.wait_for_shown(REFUSED).await;
    assert!(told.contains("taken back"), "{told}");
    ground.bridge.expect_workers(0);
    // Connected again, but without a call.
    visit.browser.wait_for_shown("#connection-status[data-phase=refused]").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(visit.browser.wait_for_shown(REFUSED).await.contains("taken back"));
    pinentry.assert_dialogs(1);

    visit.browser.click("#retry-refused").await;
    let silenced = "document.querySelector('#refused-text').innerText.includes('10 min')";
    visit.browser.wait_for(silenced).await;
    pinentry.assert_dialogs(1);
    visit.assert_clean(&ground.url()).await;
}
