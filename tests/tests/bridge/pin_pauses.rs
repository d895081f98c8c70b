//! The bridge tries wrong PINs of a page one at a time, each after a longer pause. The
//! pauses do not delay other origins.

use std::time::Duration;

use cryptoki_sys::CKR_OK;
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::test_module::Call;
use pkcs11_bridge_tests::token::PIN;
use serde_json::json;

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{OTHER, PinFixture, WRONG, WRONG_LOGIN, assert_all_fail, wrong_pin};

/// The times from each login to the next.
fn pauses(logins: &[Call]) -> Vec<Duration> {
    let pause = |pair: &[Call]| Duration::from_micros(pair[1].at - pair[0].at);
    logins.windows(2).map(pause).collect()
}

#[tokio::test]
async fn parallel_wrong_pins_are_tried_one_after_the_other() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    let mut pages = [fixture.bridge.connect().await, fixture.bridge.connect().await];
    let mut other = fixture.bridge.connect_as(OTHER).await;
    for number in 0..3 {
        let params = with(&fixture.with_pin(), "pin", wrong_pin(number));
        pages[number as usize % 2].request("signData", params).await;
    }
    // After the first wrong PIN the origin has to wait. The other origin and calls
    // without a PIN do not wait.
    fixture.module.wait_for("C_Login", 1);
    fixture.assert_signed("the other origin", &fixture.sign_with(&mut other, PIN).await);
    fixture.assert_signed("the other origin", &fixture.sign(&mut other).await);
    for page in [&mut other, &mut fixture.bridge.connect().await] {
        page.result("slots", json!({})).await;
    }

    // The other origin's right PIN has reset the token's count of wrong PINs, but not the bridge's.
    for (page, count) in pages.iter_mut().zip([2, 1]) {
        assert_all_fail(page, count, WRONG, &["Wrong PIN"]).await;
    }
    let (of_other, logins): (Vec<_>, Vec<_>) =
        fixture.module.logins().into_iter().partition(|login| login.result == CKR_OK);
    let ([of_other], [_, _, last]) = (&of_other[..], &logins[..]) else { panic!("{logins:#?}") };
    assert!(of_other.at < last.at, "{of_other:?} came after {last:?}");
    for (pause, seconds) in pauses(&logins).iter().zip([1, 2]) {
        assert!(*pause >= Duration::from_secs(seconds), "{:?}", pauses(&logins));
    }
}

#[tokio::test]
async fn a_new_page_of_the_origin_has_to_wait_too() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.clear_flags = TRY_FLAGS);
    for number in 0..2 {
        let mut page = fixture.bridge.connect_as(ORIGIN).await;
        let outcome = fixture.sign_with(&mut page, &wrong_pin(number)).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
        page.close().await;
        fixture.bridge.expect_workers(0);
    }
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);
    let logins = fixture.module.logins();
    assert_ne!(logins[0].pid, logins[1].pid, "another worker");
    assert!(pauses(&logins)[0] >= Duration::from_secs(1), "{:?}", pauses(&logins));
}
