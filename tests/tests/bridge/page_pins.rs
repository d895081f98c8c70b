//! Wrong PINs of a page: which calls they delay, and how long. `pin_pauses` and
//! `login_counts` test how many reach the token.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};

use super::pin_dialog::{DialogFixture, OTHER_ORIGIN, WRONG};

/// Wrong PINs.
const WRONG_PINS: [&str; 2] = ["81726354", "72635445"];

/// Makes a call with a wrong PIN. Gives the time that it took.
async fn try_wrong_pin(fixture: &DialogFixture, page: &mut Socket, pin: &str) -> Duration {
    let start = Instant::now();
    let outcome = page.call("signData", with(&fixture.with_pin, "pin", pin)).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    assert_ckr("a wrong PIN", &outcome, "CKR_PIN_INCORRECT");
    start.elapsed()
}

#[tokio::test]
async fn each_wrong_pin_doubles_the_pause_until_a_right_one() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    try_wrong_pin(&fixture, &mut page, WRONG_PIN).await;
    assert!(try_wrong_pin(&fixture, &mut page, WRONG_PINS[0]).await >= seconds(0.9));
    let start = Instant::now();
    page.result("signData", fixture.with_pin.clone()).await;
    assert!(start.elapsed() >= seconds(1.9), "the right one waits too: {:?}", start.elapsed());

    // The pauses start again at the shortest.
    let first = try_wrong_pin(&fixture, &mut page, WRONG_PIN).await;
    assert!(first < seconds(3.5), "{first:?}");
    assert!(try_wrong_pin(&fixture, &mut page, WRONG_PIN).await >= seconds(0.9));
}

#[tokio::test]
async fn a_pause_does_not_delay_other_origins() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", fixture.with_pin.clone()).await;
    try_wrong_pin(&fixture, &mut page, WRONG_PIN).await;
    try_wrong_pin(&fixture, &mut page, WRONG_PINS[0]).await;
    let start = Instant::now();
    page.request("signData", with(&fixture.with_pin, "pin", WRONG_PINS[1])).await;
    for _ in 0..5 {
        other.result("signData", fixture.with_pin.clone()).await;
    }
    let of_other = start.elapsed();
    assert_error("a wrong PIN", &page.reply().await.1, WRONG, &[]);
    let of_page = start.elapsed();
    assert!(of_page >= seconds(1.9), "{of_page:?}");
    assert!(of_other < of_page, "{of_other:?} {of_page:?}");
}

#[tokio::test]
async fn a_pause_of_the_page_does_not_delay_the_user() {
    let fixture = DialogFixture::new("");
    let mut page = fixture.bridge.connect().await;
    try_wrong_pin(&fixture, &mut page, WRONG_PIN).await;
    try_wrong_pin(&fixture, &mut page, WRONG_PINS[0]).await;
    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", fixture.without_pin.clone()).await;
    let dialogs = fixture.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("A wrong PIN was entered before"), "{dialogs:?}");
    // The worker has logged in with the right PIN, so the bridge does not send it to
    // the token again.
    page.result("signData", fixture.with_pin.clone()).await;
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
