//! Wrong PINs of a page: which calls they delay, and how long. `pin_counts` tests how many reach
//! the token.

use std::time::{Duration, Instant};

use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{PIN, TestToken};

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{NO_PIN, OTHER, PinFixture, WRONG, wrong_pin};

/// A fixture whose token says nothing of its tries.
fn fixture() -> PinFixture {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    fixture
}

/// Makes a call with a wrong PIN. Gives the time that it took.
async fn try_wrong_pin(fixture: &PinFixture, page: &mut Socket, number: u32) -> Duration {
    let start = Instant::now();
    let outcome = fixture.sign_with(page, &wrong_pin(number)).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    assert_ckr("a wrong PIN", &outcome, "CKR_PIN_INCORRECT");
    start.elapsed()
}

#[tokio::test]
async fn the_pins_after_a_wrong_one_wait_until_a_right_one() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    for _ in 0..2 {
        // The pauses start again at the shortest.
        let first = try_wrong_pin(&fixture, &mut page, 1).await;
        assert!(first < seconds(3.5), "{first:?}");
        let start = Instant::now();
        fixture.assert_signed("the right PIN", &fixture.sign_with(&mut page, PIN).await);
        assert!(start.elapsed() >= seconds(0.9), "it waits too: {:?}", start.elapsed());
    }
    try_wrong_pin(&fixture, &mut page, 2).await;
    assert!(try_wrong_pin(&fixture, &mut page, 3).await >= seconds(0.9));
}

#[tokio::test]
async fn a_pause_does_not_delay_other_origins() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    let mut other = fixture.bridge.connect_as(OTHER).await;
    fixture.assert_signed("the other origin", &fixture.sign_with(&mut other, PIN).await);
    try_wrong_pin(&fixture, &mut page, 1).await;
    let start = Instant::now();
    page.request("signData", with(&fixture.with_pin(), "pin", wrong_pin(2))).await;
    for _ in 0..5 {
        fixture.assert_signed("the other origin", &fixture.sign_with(&mut other, PIN).await);
    }
    let of_other = start.elapsed();
    assert_error("a wrong PIN", &page.reply().await.1, WRONG, &[]);
    let of_page = start.elapsed();
    assert!(of_page >= seconds(0.9), "{of_page:?}");
    assert!(of_other < of_page, "{of_other:?} {of_page:?}");
}

/// The user is asked while a PIN of the page still waits.
#[tokio::test]
async fn a_pause_of_the_page_does_not_delay_the_user() {
    let fixture = fixture();
    let mut page = fixture.bridge.connect().await;
    let mut second = fixture.bridge.connect().await;
    for origin_waits in [false, true] {
        try_wrong_pin(&fixture, &mut page, 1).await;
        let asked = Instant::now();
        if origin_waits {
            second.request("signData", with(&fixture.with_pin(), "pin", PIN)).await;
        }
        let dialog = fixture.pinentry.answer(Answer::pin(PIN));
        page.request("signData", fixture.without_pin()).await;
        dialog.opened();
        assert!(asked.elapsed() < seconds(0.8), "{:?}", asked.elapsed());
        fixture.assert_signed("the user's PIN", &page.reply().await.1);
        if origin_waits {
            fixture.assert_signed("the PIN that waited", &second.reply().await.1);
        }
    }
    fixture.pinentry.assert_dialogs(2);
}

/// No PIN is tried, so nothing waits.
#[tokio::test]
async fn calls_without_a_pin_do_not_wait_if_nobody_can_be_asked() {
    let fixture = PinFixture::without_pinentry(TestToken::new());
    let mut page = fixture.bridge.connect().await;
    try_wrong_pin(&fixture, &mut page, 1).await;
    let start = Instant::now();
    page.request_many("signData", &fixture.without_pin(), 6).await;
    for _ in 0..6 {
        assert_error("without a PIN", &page.reply().await.1, NO_PIN, &["`pin` is missing"]);
    }
    assert!(start.elapsed() < seconds(4.0), "{:?}", start.elapsed());
}

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}
