//! Many signatures with one PIN: progress, results, and cancellation.

use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::token::{LABEL, PIN};
use serde_json::{Value, json};

use super::page::PlaygroundPage;
use super::testbed::Testbed;

const RESULT: &str = "[data-testid=batch-result]:not([hidden])";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_shows_progress_and_its_signatures_are_valid() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::approved(&pinentry, "").await;
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "RSA-3072").await;
    assert_eq!(page.browser.value_of("document.querySelector('#batch-count').value").await, "100");

    watch_progress(&page).await;
    let held = pinentry.answer(Answer::pin(PIN).held());
    page.browser.fill("#batch-count", "300").await;
    page.browser.click("#batch-button").await;
    page.browser.wait_for_shown("#batch-waiting [data-testid=pin-waiting]").await;
    let dialog = held.opened();
    for named in [testbed.origin().as_str(), "RSA-3072", "300"] {
        assert!(dialog.description().contains(named), "{dialog:?}");
    }
    page.browser.screenshot("batch-1-waiting").await;
    held.release();
    assert_eq!(result(&page).await, json!(["300", "0", "0"]));
    let seen = page.browser.value_of("window.progressSeen").await;
    let seen: Vec<&str> = seen.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(seen.len() > 2 && seen.contains(&"300 of 300"), "{seen:?}");

    page.browser.click("#verify-batch").await;
    let verified = "document.querySelector('#batch-verified').textContent";
    page.browser.wait_for(&format!("{verified} === 'All 300 are valid.'")).await;
    page.browser.screenshot("batch-2-verified").await;
    pinentry.assert_dialogs(1);
    page.assert_clean(&testbed.url()).await;
    page.assert_without(&[PIN]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_batch_keeps_its_signatures() {
    let pinentry = Pinentry::new();
    let testbed = Testbed::approved(&pinentry, "").await;
    let page = PlaygroundPage::open(&testbed.url()).await;
    page.choose(LABEL, "RSA-3072").await;
    pinentry.answer(Answer::pin(PIN));
    page.browser.fill("#batch-count", "1000").await;
    // A click by the test would be too late on a fast machine.
    let cancel = "new MutationObserver((_, observer) => { \
         if (document.querySelector('#batch-progress').value < 1) return; \
         observer.disconnect(); \
         document.querySelector('#cancel-batch').click(); \
     }).observe(document.querySelector('#batch-done'), { childList: true })";
    page.browser.value_of(cancel).await;
    page.browser.click("#batch-button").await;
    let numbers = result(&page).await;
    let number =
        |at: usize| numbers[at].as_str().and_then(|text| text.parse::<usize>().ok()).unwrap();
    assert!(number(0) > 0 && number(2) > 0, "{numbers}");
    assert_eq!((number(0) + number(2), number(1)), (1000, 0), "{numbers}");
    page.browser.screenshot("batch-3-cancelled").await;

    // No signature exists before the user has entered the PIN.
    page.log_out("Logged out").await;
    let held = pinentry.answer(Answer::cancel().held());
    page.browser.fill("#batch-count", "5").await;
    page.browser.click("#batch-button").await;
    held.opened();
    page.browser.click("#cancel-batch").await;
    assert_eq!(result(&page).await, json!(["0", "0", "5"]));
    page.assert_clean(&testbed.url()).await;
}

/// Records every text of the progress.
async fn watch_progress(page: &PlaygroundPage) {
    let watch = "window.progressSeen = []; \
         new MutationObserver(() => \
             window.progressSeen.push(document.querySelector('#batch-done').textContent)) \
         .observe(document.querySelector('#batch-done'), { childList: true })";
    page.browser.value_of(&format!("(() => {{ {watch} }})()")).await;
}

/// The numbers of signatures, errors and cancelled items of the batch, after its end.
async fn result(page: &PlaygroundPage) -> Value {
    let element = format!("document.querySelector('{RESULT}')");
    let numbers = "(({ signatures, errors, cancelled }) => [signatures, errors, cancelled])";
    page.browser.wait_for(&format!("{element} && {numbers}({element}.dataset)")).await
}
