//! Many signatures with one PIN, with their progress and an end before their end.

use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::token::{LABEL, PIN};
use serde_json::{Value, json};

use super::ground::Ground;
use super::visit::Visit;

const RESULT: &str = "[data-testid=batch-result]:not([hidden])";

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_shows_its_progress_and_every_signature_is_valid() {
    let pinentry = Pinentry::new();
    let ground = Ground::approved(&pinentry, "").await;
    let visit = Visit::to(&ground.url()).await;
    visit.choose(LABEL, "RSA-3072").await;
    assert_eq!(visit.browser.value_of("document.querySelector('#batch-count').value").await, "100");

    watch_progress(&visit).await;
    let held = pinentry.answer(Answer::pin(PIN).held());
    visit.browser.fill("#batch-count", "300").await;
    visit.browser.click("#batch-button").await;
    visit.browser.wait_for_shown("#batch-waiting [data-testid=pin-waiting]").await;
    let dialog = held.opened();
    for named in [ground.origin().as_str(), "RSA-3072", "300"] {
        assert!(dialog.description().contains(named), "{dialog:?}");
    }
    visit.browser.screenshot("batch-1-waiting").await;
    held.release();
    assert_eq!(result(&visit).await, json!(["300", "0", "0"]));
    let seen = visit.browser.value_of("window.progressSeen").await;
    let seen: Vec<&str> = seen.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(seen.len() > 2 && seen.contains(&"300 of 300"), "{seen:?}");

    visit.browser.click("#verify-batch").await;
    let verified = "document.querySelector('#batch-verified').textContent";
    visit.browser.wait_for(&format!("{verified} === 'All 300 are valid.'")).await;
    visit.browser.screenshot("batch-2-verified").await;
    pinentry.assert_dialogs(1);
    visit.assert_clean(&ground.url()).await;
    visit.assert_without(&[PIN]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_cancelled_keeps_its_signatures() {
    let pinentry = Pinentry::new();
    let ground = Ground::approved(&pinentry, "").await;
    let visit = Visit::to(&ground.url()).await;
    visit.choose(LABEL, "RSA-3072").await;
    pinentry.answer(Answer::pin(PIN));
    visit.browser.fill("#batch-count", "1000").await;
    // By a person it would be too late on a fast machine.
    let cancel = "new MutationObserver((_, observer) => { \
         if (document.querySelector('#batch-progress').value < 1) return; \
         observer.disconnect(); \
         document.querySelector('#cancel-batch').click(); \
     }).observe(document.querySelector('#batch-done'), { childList: true })";
    visit.browser.value_of(cancel).await;
    visit.browser.click("#batch-button").await;
    let numbers = result(&visit).await;
    let number =
        |at: usize| numbers[at].as_str().and_then(|text| text.parse::<usize>().ok()).unwrap();
    assert!(number(0) > 0 && number(2) > 0, "{numbers}");
    assert_eq!((number(0) + number(2), number(1)), (1000, 0), "{numbers}");
    visit.browser.screenshot("batch-3-cancelled").await;

    // Before the PIN was entered there is nothing to keep.
    visit.log_out("Logged out").await;
    let held = pinentry.answer(Answer::cancel().held());
    visit.browser.fill("#batch-count", "5").await;
    visit.browser.click("#batch-button").await;
    held.opened();
    visit.browser.click("#cancel-batch").await;
    assert_eq!(result(&visit).await, json!(["0", "0", "5"]));
    visit.assert_clean(&ground.url()).await;
}

/// Keeps every text that the progress shows.
async fn watch_progress(visit: &Visit) {
    let watch = "window.progressSeen = []; \
         new MutationObserver(() => \
             window.progressSeen.push(document.querySelector('#batch-done').textContent)) \
         .observe(document.querySelector('#batch-done'), { childList: true })";
    visit.browser.value_of(&format!("(() => {{ {watch} }})()")).await;
}

/// Signatures, errors and cancelled ones of the batch, once it has ended.
async fn result(visit: &Visit) -> Value {
    let element = format!("document.querySelector('{RESULT}')");
    let numbers = "(({ signatures, errors, cancelled }) => [signatures, errors, cancelled])";
    visit.browser.wait_for(&format!("{element} && {numbers}({element}.dataset)")).await
}
