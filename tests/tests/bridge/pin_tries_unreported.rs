//! A token that does not report how many tries are left. Pages may send two wrong PINs
//! and cannot lock it.

use cryptoki_sys::{CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::PIN;

use super::pin_fixture::{LAST_TRY, OTHER, PinFixture, RIGHT_LOGIN, WRONG, WRONG_LOGIN, wrong_pin};

#[tokio::test]
async fn pages_cannot_lock_a_token_that_reports_no_tries() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| {
        token.tries = Some(3);
        token.clear_flags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
    });
    let mut page = fixture.bridge.connect().await;
    for number in 1..=2 {
        let outcome = fixture.sign_with(&mut page, &wrong_pin(number)).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    }
    let mut other = fixture.bridge.connect_as(OTHER).await;
    for (what, page) in [("the page", &mut page), ("another origin", &mut other)] {
        for pin in [&wrong_pin(3), PIN] {
            let outcome = fixture.sign_with(page, pin).await;
            assert_error(what, &outcome, LAST_TRY, &["did not accept", "desktop"]);
        }
    }
    assert_eq!(fixture.login_results(), [WRONG_LOGIN; 2]);

    fixture.pinentry.answer(Answer::pin(PIN));
    fixture.assert_signed("the user's PIN", &fixture.sign(&mut page).await);
    // All tries are available again.
    let outcome = fixture.sign_with(&mut other, &wrong_pin(4)).await;
    assert_error("a wrong PIN after it", &outcome, WRONG, &["Wrong PIN"]);
    assert_eq!(fixture.login_results(), [WRONG_LOGIN, WRONG_LOGIN, RIGHT_LOGIN, WRONG_LOGIN]);
    fixture.pinentry.assert_dialogs(1);
}
