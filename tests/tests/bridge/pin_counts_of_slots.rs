//! Cards that show each of their PINs in a slot of its own. All slots have the serial number of the
//! card, or none has one. A right PIN in one slot says nothing of the PIN in another.

use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::params::{with, without};
use pkcs11_bridge_tests::pinentry::Answer;
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken};
use serde_json::Value;

use super::pin_counts::TRY_FLAGS;
use super::pin_fixture::{LAST_TRY, PinFixture, WRONG, wrong_pin};

/// A fixture whose card has two slots, which say nothing of their tries. Returns parameters of
/// `signData` with the right PIN for each slot.
fn card_with_two_slots(serial: [u8; 16]) -> (PinFixture, [Value; 2]) {
    let token = TestToken::new();
    let second = token.add_token_with_key("Second slot", KeyType::P256);
    let fixture = PinFixture::on(token);
    for slot in [fixture.token.slot(), second] {
        fixture.module.simulate_slot(slot, |token| {
            token.clear_flags = TRY_FLAGS;
            token.serial = Some(serial);
        });
    }
    let first = fixture.with_pin();
    let second = with(&first, "slot_id", second);
    (fixture, [first, second])
}

#[tokio::test]
async fn a_right_pin_in_one_slot_gives_no_further_try_in_another() {
    for serial in [b"4711            ", b"                "] {
        let (fixture, [first, second]) = card_with_two_slots(*serial);
        let mut page = fixture.bridge.connect().await;
        for number in 1..=2 {
            let outcome = page.call("signData", with(&first, "pin", wrong_pin(number))).await;
            assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
        }
        fixture.pinentry.answer(Answer::pin(PIN));
        page.result("signData", without(&second, "pin")).await;
        for number in 3..=4 {
            let outcome = page.call("signData", with(&first, "pin", wrong_pin(number))).await;
            assert_error("a third wrong PIN", &outcome, LAST_TRY, &["did not accept"]);
        }
        fixture.module.assert_logins(3);
    }
}

#[tokio::test]
async fn the_slots_of_one_serial_number_share_two_tries() {
    let (fixture, [first, second]) = card_with_two_slots(*b"4711            ");
    let mut page = fixture.bridge.connect().await;
    for (params, number) in [(&first, 1), (&second, 2)] {
        let outcome = page.call("signData", with(params, "pin", wrong_pin(number))).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    }
    for params in [&first, &second] {
        let outcome = page.call("signData", with(params, "pin", wrong_pin(3))).await;
        assert_error("a third wrong PIN", &outcome, LAST_TRY, &["did not accept"]);
    }
    fixture.module.assert_logins(2);

    // The right PIN of one slot gives that slot's try back, and no more.
    fixture.pinentry.answer(Answer::pin(PIN));
    page.result("signData", without(&first, "pin")).await;
    for (number, expected) in [(4, WRONG), (5, LAST_TRY)] {
        let outcome = page.call("signData", with(&second, "pin", wrong_pin(number))).await;
        assert_error("after a right PIN", &outcome, expected, &[]);
    }
    fixture.module.assert_logins(4);
}

#[tokio::test]
async fn slots_without_a_serial_number_count_apart() {
    let (fixture, [first, second]) = card_with_two_slots([b' '; 16]);
    let mut page = fixture.bridge.connect().await;
    for number in 1..=2 {
        let outcome = page.call("signData", with(&first, "pin", wrong_pin(number))).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
    }
    page.result("signData", second).await;
}
