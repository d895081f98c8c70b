//! Two origins in parallel on one token. Neither gains or loses anything through the other.

use pkcs11_bridge_tests::approvals::{self, run_command};
use pkcs11_bridge_tests::bridge::{Bridge, ORIGIN, Setup};
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::{sign_data, with, without};
use pkcs11_bridge_tests::pinentry::{Answer, Pinentry};
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::token::{KeyType, PIN, TestToken, WRONG_PIN};
use serde_json::Value;

use super::pin_dialog::{CANCELLED, OTHER_ORIGIN, WRONG};
use super::pin_fixture::LAST_TRY;

/// Both orders: which origin logs in first, and which comes second.
const BOTH_WAYS: [[&str; 2]; 2] = [[ORIGIN, OTHER_ORIGIN], [OTHER_ORIGIN, ORIGIN]];

/// Origins A and B on one token, both approved by the user. A is logged in.
struct TwoOrigins {
    // The pages come first: a bridge waits a little for pages that it has to close.
    a: Socket,
    b: Socket,
    bridge: Bridge,
    pinentry: Pinentry,
    with_pin: Value,
    without_pin: Value,
    _token: TestToken,
}

impl TwoOrigins {
    async fn with_a_logged_in([a, b]: [&str; 2]) -> Self {
        let (token, pinentry) = (TestToken::new(), Pinentry::new());
        let setup =
            Setup::new().token(&token).module("softhsm", pkcs11_bridge_tests::token::MODULE);
        approvals::write(setup.home(), &[(a, 1000), (b, 1000)]);
        let bridge = setup.pinentry(&pinentry).start();
        let with_pin = sign_data(&token, KeyType::P256.id(), "sha256");
        let without_pin = without(&with_pin, "pin");
        let (a, b) = (bridge.connect_as(a).await, bridge.connect_as(b).await);
        let mut two = Self { pinentry, bridge, with_pin, without_pin, a, b, _token: token };
        two.a.result("signData", two.with_pin.clone()).await;
        two
    }

    /// Asserts that A still signs without a dialog.
    async fn assert_a_still_signs(&mut self) {
        let before = self.pinentry.start_count();
        self.a.result("signData", self.without_pin.clone()).await;
        assert_eq!(self.pinentry.start_count(), before);
    }
}

#[tokio::test]
async fn without_a_pin_the_second_origin_gets_its_own_dialog() {
    for [a, b] in BOTH_WAYS {
        let mut two = TwoOrigins::with_a_logged_in([a, b]).await;
        two.pinentry.answer(Answer::cancel());
        let outcome = two.b.call("signData", two.without_pin.clone()).await;
        assert_error("without a PIN", &outcome, CANCELLED, &[]);
        let text = two.pinentry.assert_dialogs(1)[0].description().to_owned();
        assert!(text.contains(b) && !text.contains(a), "{text}");
        two.assert_a_still_signs().await;

        two.pinentry.answer(Answer::pin(PIN));
        two.b.result("signData", two.without_pin.clone()).await;
        two.pinentry.assert_dialogs(2);
        two.assert_a_still_signs().await;
    }
}

#[tokio::test]
async fn without_a_pin_and_a_dialog_the_second_origin_cannot_sign() {
    for [a, b] in BOTH_WAYS {
        let mut two = TwoOrigins::with_a_logged_in([a, b]).await;
        two.pinentry.answer(Answer::exit().at_start());
        let outcome = two.b.call("signData", two.without_pin.clone()).await;
        assert_error("no dialog", &outcome, (400, "801"), &["`pin` is missing"]);
        two.assert_a_still_signs().await;
    }
}

#[tokio::test]
async fn a_wrong_pin_of_the_second_origin_does_not_affect_the_first() {
    for [a, b] in BOTH_WAYS {
        let mut two = TwoOrigins::with_a_logged_in([a, b]).await;
        let outcome = two.b.call("signData", with(&two.with_pin, "pin", WRONG_PIN)).await;
        assert_error("a wrong PIN", &outcome, WRONG, &["Wrong PIN"]);
        assert_ckr("a wrong PIN", &outcome, "CKR_PIN_INCORRECT");
        // The first origin may sign at once, with its PIN too, because the pause
        // belongs to the second.
        two.assert_a_still_signs().await;
        two.a.result("signData", two.with_pin.clone()).await;
        let outcome = two.b.call("signData", two.with_pin.clone()).await;
        assert_error("the right PIN", &outcome, LAST_TRY, &["wrong PIN", "desktop"]);
    }
}

#[tokio::test]
async fn with_the_right_pin_both_sign_in_their_own_processes() {
    for [a, b] in BOTH_WAYS {
        let mut two = TwoOrigins::with_a_logged_in([a, b]).await;
        two.b.result("signData", two.with_pin.clone()).await;
        two.bridge.expect_workers(2);
        for _ in 0..3 {
            two.b.result("signData", two.without_pin.clone()).await;
            two.assert_a_still_signs().await;
        }
    }
}

#[tokio::test]
async fn when_the_first_origin_leaves_the_second_stays_logged_in() {
    for [a, b] in BOTH_WAYS {
        let mut two = TwoOrigins::with_a_logged_in([a, b]).await;
        two.b.result("signData", two.with_pin.clone()).await;
        two.a.close().await;
        two.bridge.expect_workers(1);
        two.b.result("signData", two.without_pin.clone()).await;
        assert_eq!(two.pinentry.start_count(), 0);
        // The first origin has to log in again.
        two.pinentry.answer(Answer::cancel());
        let outcome = two.bridge.connect_as(a).await.call("signData", two.without_pin).await;
        assert_error("the first again", &outcome, CANCELLED, &[]);
    }
}

#[tokio::test]
async fn when_the_first_origin_is_revoked_the_second_stays_logged_in() {
    for [a, b] in BOTH_WAYS {
        let mut two = TwoOrigins::with_a_logged_in([a, b]).await;
        two.b.result("signData", two.with_pin.clone()).await;
        run_command(two.bridge.home(), &["revoke", a]);
        assert_eq!(two.a.close_code().await, 1008);
        two.bridge.expect_workers(1);
        two.b.result("signData", two.without_pin.clone()).await;
        assert_eq!(two.pinentry.start_count(), 0);
    }
}
