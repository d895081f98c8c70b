//! Wrong PINs of a page: whom they make wait, and until when. How many reach the token stands in
//! `pin_pauses` and `login_counts`.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::refusal::{assert_ckr, assert_refused};
use pkcs11_bridge_tests::request::with;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};

use super::pin_dialog::{Desk, OTHER_ORIGIN, WRONG};

/// PINs that are nobody's.
const OTHERS: [&str; 2] = ["81726354", "72635445"];

/// A call with a wrong PIN, and how long it took.
async fn wrong(desk: &Desk, page: &mut Socket, pin: &str) -> Duration {
    let start = Instant::now();
    let outcome = page.call("signData", with(&desk.with_pin, "pin", pin)).await;
    assert_refused("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    assert_ckr("a wrong PIN", &outcome, "CKR_PIN_INCORRECT");
    start.elapsed()
}

#[tokio::test]
async fn each_wrong_pin_makes_the_next_wait_longer_until_a_right_one() {
    let desk = Desk::new("");
    let mut page = desk.bridge.connect().await;
    wrong(&desk, &mut page, WRONG_PIN).await;
    assert!(wrong(&desk, &mut page, OTHERS[0]).await >= seconds(0.9));
    let start = Instant::now();
    page.result("signData", desk.with_pin.clone()).await;
    assert!(start.elapsed() >= seconds(1.9), "the right one waits too: {:?}", start.elapsed());

    // It begins anew.
    let first = wrong(&desk, &mut page, WRONG_PIN).await;
    assert!(first < seconds(3.5), "{first:?}");
    assert!(wrong(&desk, &mut page, WRONG_PIN).await >= seconds(0.9));
}

#[tokio::test]
async fn a_page_that_waits_keeps_no_other_origin_waiting() {
    let desk = Desk::new("");
    let mut page = desk.bridge.connect().await;
    let mut other = desk.bridge.connect_as(OTHER_ORIGIN).await;
    other.result("signData", desk.with_pin.clone()).await;
    wrong(&desk, &mut page, WRONG_PIN).await;
    wrong(&desk, &mut page, OTHERS[0]).await;
    let start = Instant::now();
    page.request("signData", with(&desk.with_pin, "pin", OTHERS[1])).await;
    for _ in 0..5 {
        other.result("signData", desk.with_pin.clone()).await;
    }
    let of_other = start.elapsed();
    assert_refused("a wrong PIN", &page.reply().await.1, WRONG, &[]);
    let of_page = start.elapsed();
    assert!(of_page >= seconds(1.9), "{of_page:?}");
    assert!(of_other < of_page, "{of_other:?} {of_page:?}");
}

#[tokio::test]
async fn the_user_is_asked_without_a_wait_for_what_the_page_got_wrong() {
    let desk = Desk::new("");
    let mut page = desk.bridge.connect().await;
    wrong(&desk, &mut page, WRONG_PIN).await;
    wrong(&desk, &mut page, OTHERS[0]).await;
    desk.pinentry.answer(Answer::pin(PIN));
    page.result("signData", desk.without_pin.clone()).await;
    let dialogs = desk.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("A wrong PIN was entered before"), "{dialogs:?}");
    // The right one is known by now, so that it is not sent to the token again.
    page.result("signData", desk.with_pin.clone()).await;
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
