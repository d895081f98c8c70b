//! The card is taken out and put back, pcscd ends and starts again, and a worker dies. The user may
//! have to enter the PIN again, and no PIN goes to the card twice.

use pkcs11_bridge_tests::card_reader::{CardModule, RSA_FIRST};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::processes::{is_running, signal, wait_until};
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, PIN};
use rustix::process::Signal;
use serde_json::json;

use super::fixture::{CardFixture, PageKey};

/// A fixture whose page has signed.
async fn signed(module: CardModule) -> Option<(CardFixture, Socket, PageKey)> {
    let fixture = CardFixture::start(module, RSA_FIRST).await?;
    let mut page = fixture.bridge.connect().await;
    let key = fixture.key(&mut page, KeyType::Rsa2048).await;
    fixture.pinentry.answer(Answer::pin(PIN));
    key.assert_signed("first", "sha256", &key.sign(&mut page, "sha256", None).await);
    fixture.assert_pins("first", 1, 3);
    Some((fixture, page, key))
}

/// Signs with a PIN of the user, which the card gets once.
async fn sign_with_the_users_pin(fixture: &CardFixture, page: &mut Socket, key: &PageKey) {
    let before = fixture.pins();
    fixture.pinentry.answer(Answer::pin(PIN));
    let outcome = key.sign(page, "sha256", None).await;
    key.assert_signed(&format!("{:?}", fixture.module), "sha256", &outcome);
    fixture.assert_pins("after", before + 1, 3);
}

#[tokio::test]
async fn a_card_that_was_out_signs_again() {
    for module in CardModule::ALL {
        let Some((mut fixture, mut page, key)) = signed(module).await else { return };
        for call_meanwhile in [false, true] {
            fixture.reader.remove();
            if call_meanwhile {
                let outcome = key.sign(&mut page, "sha256", None).await;
                outcome.expect_err("a card that is out signs");
            }
            fixture.reader.insert();
            // YKCS11 notices the change only when it lists its slots.
            if module == CardModule::YkCs11 {
                page.result("slots", json!({})).await;
            }
            sign_with_the_users_pin(&fixture, &mut page, &key).await;
        }
    }
}

#[tokio::test]
async fn a_page_that_watches_is_told_of_the_card() {
    for module in CardModule::ALL {
        let Some((mut fixture, mut page, key)) = signed(module).await else { return };
        let mut watching = fixture.bridge.connect().await;
        watching.result("watchSlots", json!({})).await;
        for _ in 0..2 {
            fixture.reader.remove();
            assert_eq!(watching.event().await["params"]["kind"], "removed", "{module:?}");
            fixture.reader.insert();
            assert_eq!(watching.event().await["params"]["kind"], "inserted", "{module:?}");
            sign_with_the_users_pin(&fixture, &mut page, &key).await;
        }
    }
}

#[tokio::test]
async fn a_worker_that_dies_takes_its_login_along() {
    for module in CardModule::ALL {
        let Some((fixture, mut page, key)) = signed(module).await else { return };
        let worker = &fixture.bridge.workers()[0];
        signal(worker.pid, Signal::KILL);
        assert!(wait_until(STOP_LIMIT, || !is_running(worker.pid)), "{module:?}");
        // The bridge may learn of the death with this call.
        let _ = page.call("token", json!({})).await;
        sign_with_the_users_pin(&fixture, &mut page, &key).await;
    }
}
