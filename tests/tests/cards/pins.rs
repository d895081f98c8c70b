//! PINs, as the card itself counts them.

use pkcs11_bridge_tests::card_reader::{CardModule, RSA_FIRST};
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{KeyType, PIN, WRONG_PIN};

use super::fixture::{CardFixture, WRONG};

#[tokio::test]
async fn a_wrong_pin_takes_one_try_and_the_right_one_gives_it_back() {
    for module in CardModule::ALL {
        let Some(fixture) = CardFixture::start(module, RSA_FIRST).await else { return };
        let mut page = fixture.bridge.connect().await;
        let key = fixture.key(&mut page, KeyType::Rsa2048).await;
        fixture.assert_pins("before", 0, 3);
        let wrong = key.sign(&mut page, "sha256", Some(WRONG_PIN)).await;
        assert_error("a wrong PIN", &wrong, WRONG, &["Wrong PIN"]);
        fixture.assert_pins("a wrong PIN", 1, 2);

        fixture.pinentry.answer(Answer::pin(PIN));
        key.assert_signed("the user", "sha256", &key.sign(&mut page, "sha256", None).await);
        fixture.assert_pins("the user", 2, 3);
        for _ in 0..5 {
            key.assert_signed("again", "sha256", &key.sign(&mut page, "sha256", None).await);
        }
        fixture.assert_pins("later signatures", 2, 3);
        fixture.pinentry.assert_dialogs(1);
    }
}

#[tokio::test]
async fn no_page_can_use_up_the_last_try() {
    for module in CardModule::ALL {
        let Some(fixture) = CardFixture::start(module, RSA_FIRST).await else { return };
        let mut page = fixture.bridge.connect().await;
        let key = fixture.key(&mut page, KeyType::Rsa2048).await;
        for wrong in [WRONG_PIN, "81726354", "72635445", "63544536"] {
            key.sign(&mut page, "sha256", Some(wrong)).await.expect_err("a wrong PIN");
        }
        let tries_left = fixture.reader.card().tries_left();
        assert!(tries_left >= 1, "{module:?}: {} PINs", fixture.pins());
        assert_eq!(fixture.pins(), usize::from(3 - tries_left), "{module:?}: each PIN once");

        fixture.pinentry.answer(Answer::pin(PIN));
        key.assert_signed("the user", "sha256", &key.sign(&mut page, "sha256", None).await);
        assert_eq!(fixture.reader.card().tries_left(), 3, "{module:?}");
    }
}

#[tokio::test]
async fn a_wrong_pin_for_the_key_for_signatures_takes_one_try() {
    for module in CardModule::ALL {
        let Some(fixture) = CardFixture::start(module, RSA_FIRST).await else { return };
        let mut page = fixture.bridge.connect().await;
        let key = fixture.key(&mut page, KeyType::P256).await;
        let right = key.sign(&mut page, "sha256", Some(PIN)).await;
        key.assert_signed("the right PIN", "sha256", &right);
        let before = fixture.pins();
        let wrong = key.sign(&mut page, "sha256", Some(WRONG_PIN)).await;
        assert_error("a wrong PIN", &wrong, WRONG, &["PIN"]);
        fixture.assert_pins("a wrong PIN", before + 1, 2);
        fixture.pinentry.answer(Answer::pin(PIN));
        fixture.pinentry.answer(Answer::pin(PIN));
        let right = key.sign(&mut page, "sha256", None).await;
        key.assert_signed("the user", "sha256", &right);
        assert_eq!(fixture.reader.card().tries_left(), 3, "{module:?}");
    }
}
