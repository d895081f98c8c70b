//! Wrong PINs, and last tries, for keys that want the PIN for each signature.

use cryptoki_sys::CKF_USER_PIN_FINAL_TRY;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{PIN, WRONG_PIN};

use super::always_authenticate::Case;
use super::pin_fixture::{
    LAST_TRY, PinFixture, RIGHT_FOR_ONE, RIGHT_LOGIN, WRONG, WRONG_FOR_ONE, WRONG_LOGIN,
};

#[tokio::test]
async fn a_wrong_pin_of_the_user_signs_nothing_and_leaves_the_login_as_it_is() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("another key", &fixture.sign_with(&mut page, PIN).await);
    for pin in [WRONG_PIN, PIN] {
        fixture.pinentry.answer(Answer::pin(pin));
    }
    case.assert_signed("wrong, then right", &page.call("signData", case.without_pin()).await);
    let dialogs = fixture.pinentry.assert_dialogs(2);
    assert!(dialogs[1].error().expect("an error").contains("Wrong PIN"), "{dialogs:#?}");
    assert_eq!(fixture.judged(), [RIGHT_LOGIN, WRONG_FOR_ONE, RIGHT_FOR_ONE]);

    // The sessions can be used, whichever the next signatures get.
    page.request_many("signData", &fixture.without_pin(), 12).await;
    for _ in 0..12 {
        fixture.assert_signed("another key again", &page.reply().await.1);
    }
    case.assert_signed("the page's PIN", &page.call("signData", case.with_pin()).await);
    assert_eq!(fixture.module.count("C_Sign"), 15);
    assert_eq!(fixture.module.count("C_Logout"), 0);
    assert_eq!(fixture.judged().len(), 4);
}

#[tokio::test]
async fn a_wrong_pin_of_the_page_is_one_try_and_signs_nothing() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    case.assert_signed("the right PIN", &page.call("signData", case.with_pin()).await);
    let wrong = with(&case.with_pin(), "pin", WRONG_PIN);
    let outcome = page.call("signData", wrong).await;
    assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    // It differs from the login's, so that it is the login that the token judges.
    assert_eq!(fixture.judged(), [RIGHT_LOGIN, RIGHT_FOR_ONE, WRONG_LOGIN]);
    assert_eq!(fixture.module.count("C_Sign"), 1);
    case.assert_signed("the right PIN again", &page.call("signData", case.with_pin()).await);
}

/// The PIN for single signatures of this card is another than the login's.
#[tokio::test]
async fn a_pin_that_is_wrong_for_one_signature_alone_is_one_try_each() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|card| {
        card.always_authenticate = Some(WRONG_PIN.to_owned());
        card.tries = Some(3);
    });
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("once", &outcome, WRONG, &["Wrong PIN"]);
    assert_eq!(fixture.judged(), [RIGHT_LOGIN, WRONG_FOR_ONE]);
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("twice", &outcome, LAST_TRY, &["one try"]);
    assert_error("again", &fixture.sign_with(&mut page, PIN).await, LAST_TRY, &["desktop"]);
    assert_eq!(fixture.judged(), [RIGHT_LOGIN, WRONG_FOR_ONE, WRONG_FOR_ONE]);
    assert_eq!(fixture.module.count("C_Sign"), 0);

    fixture.pinentry.answer(Answer::pin(WRONG_PIN));
    fixture.assert_signed("the user", &fixture.sign(&mut page).await);
    assert!(fixture.pinentry.assert_dialogs(1)[0].description().contains("LAST TRY"));
}

#[tokio::test]
async fn a_page_gets_no_last_try_though_it_is_logged_in() {
    let case = Case::new();
    let Case { fixture, .. } = &case;
    let mut page = fixture.bridge.connect().await;
    fixture.assert_signed("another key", &fixture.sign_with(&mut page, PIN).await);
    fixture.module.simulate(|card| card.set_flags = CKF_USER_PIN_FINAL_TRY);
    let outcome = page.call("signData", case.with_pin()).await;
    assert_error("the last try", &outcome, LAST_TRY, &["desktop"]);
    assert_eq!(fixture.judged(), [RIGHT_LOGIN]);
    // What needs no PIN any more is signed.
    fixture.assert_signed("another key again", &fixture.sign_with(&mut page, PIN).await);
    fixture.pinentry.answer(Answer::pin(PIN));
    case.assert_signed("the user", &page.call("signData", case.without_pin()).await);
    let dialogs = fixture.pinentry.assert_dialogs(1);
    assert!(dialogs[0].description().contains("LAST TRY"), "{dialogs:#?}");
    assert_eq!(fixture.judged(), [RIGHT_LOGIN, RIGHT_FOR_ONE]);
}
