//! A reader with its own pinpad (`CKF_PROTECTED_AUTHENTICATION_PATH`). No PIN passes
//! through the bridge. A message on the desktop tells the user to use the reader, but
//! the reader works without it too.

use std::time::Duration;

use cryptoki_sys::{CKR_FUNCTION_CANCELED, CKR_OK, CKR_PIN_INCORRECT};
use pkcs11_bridge_tests::bridge::ORIGIN;
use pkcs11_bridge_tests::outcome::{assert_ckr, assert_error};
use pkcs11_bridge_tests::params::with;
use pkcs11_bridge_tests::pinentry::{Answer, Dialog, Kind, ScriptedAnswer};
use pkcs11_bridge_tests::processes::{is_running, wait_until};
use pkcs11_bridge_tests::program::STOP_LIMIT;
use pkcs11_bridge_tests::socket::Socket;
use pkcs11_bridge_tests::test_module::{Entry, Pinpad};
use pkcs11_bridge_tests::token::{KeyType, LABEL, PIN, TestToken, WRONG_PIN};
use serde_json::Value;

use super::pin_fixture::{
    CANCELLED, LAST_TRY, LOCKED, NO_PIN, OTHER, PinFixture, RIGHT_LOGIN, WRONG, assert_all_succeed,
};

/// Makes the fixture's token one with a pinpad.
pub fn set_pinpad(fixture: &PinFixture, pinpad: Pinpad) {
    fixture.module.simulate(|token| token.pinpad = Some(pinpad));
}

/// A page whose call waits for the user to enter the PIN, and the message about it.
pub async fn page_with_call(
    fixture: &PinFixture,
    origin: &str,
    params: &Value,
) -> (Socket, Dialog) {
    let mut page = fixture.bridge.connect_as(origin).await;
    let message = fixture.pinentry.answer(Answer::acknowledge().held());
    page.request("signData", params.clone()).await;
    let dialog = message.opened();
    wait_for_reader(fixture);
    (page, dialog)
}

/// Waits until the reader waits for the user, with this number of logins before it.
fn wait_for_reader(fixture: &PinFixture) {
    fixture.module.wait_until_blocked("C_Login", fixture.module.count("C_Login") + 1);
}

/// Once the message is shown, the user enters what the pinpad holds. The next entry waits again.
pub fn enter(fixture: &PinFixture, message: ScriptedAnswer<'_>, next: Pinpad) -> Dialog {
    let dialog = message.opened();
    wait_for_reader(fixture);
    set_pinpad(fixture, next.held());
    dialog
}

/// Asserts that the message has closed, although the user has not closed it.
#[track_caller]
pub fn assert_message_closed(fixture: &PinFixture, message: &Dialog) {
    assert!(wait_until(STOP_LIMIT, || !is_running(message.pid)), "it is still shown");
    let dialogs = fixture.pinentry.dialogs();
    let dialog = dialogs.iter().find(|dialog| dialog.pid == message.pid).expect("it was shown");
    assert_eq!(dialog.answer(), "", "it was closed by the bridge");
}

#[tokio::test]
async fn the_message_about_the_reader_stays_until_the_pin_is_entered() {
    for pin in [None, Some(PIN), Some(WRONG_PIN)] {
        let fixture = PinFixture::new();
        set_pinpad(&fixture, Pinpad::typing(PIN).held());
        let mut params = fixture.without_pin();
        if let Some(pin) = pin {
            params = with(&params, "pin", pin);
        }
        let (mut page, message) = page_with_call(&fixture, ORIGIN, &params).await;
        assert_eq!(message.kind, Kind::Message);
        let description = message.description();
        for word in ["keypad", ORIGIN, LABEL, KeyType::P256.name(), "SHA-256", "pkcs11-bridge"] {
            assert!(description.contains(word), "no `{word}`: {description}");
        }
        assert!(message.is_open());

        fixture.module.release_pinpad();
        fixture.assert_signed("what was signed", &page.reply().await.1);
        assert_message_closed(&fixture, &message);
        let logins = fixture.module.calls_of("C_Login");
        let [login] = &logins[..] else { panic!("{logins:#?}") };
        assert_eq!((login.pin_len, login.result), (None, CKR_OK));

        // From here on the origin is logged in.
        page.request_many("signData", &params, 5).await;
        assert_all_succeed(&mut page, 5).await;
        fixture.module.assert_logins(1);
        assert_eq!(fixture.pinentry.dialogs().len(), 1);
    }
}

#[tokio::test]
async fn after_closing_the_message_the_user_can_still_enter_the_pin() {
    for hide in [Answer::acknowledge(), Answer::cancel(), Answer::killed()] {
        let fixture = PinFixture::new();
        set_pinpad(&fixture, Pinpad::typing(PIN).held());
        let message = fixture.pinentry.answer(hide);
        let mut page = fixture.bridge.connect().await;
        page.request("signData", fixture.without_pin()).await;
        message.answered();
        fixture.pinentry.expect_no_process();
        fixture.module.wait_until_blocked("C_Login", 1);
        fixture.module.release_pinpad();
        fixture.assert_signed("after it", &page.reply().await.1);
        fixture.pinentry.assert_dialogs(1);
        fixture.module.assert_logins(1);
    }
}

#[tokio::test]
async fn a_timeout_of_the_message_does_not_end_the_login() {
    let fixture = PinFixture::configured("dialog_seconds = 1");
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let (mut page, message) = page_with_call(&fixture, ORIGIN, &fixture.without_pin()).await;
    assert_eq!(message.timeout(), Some(Duration::from_secs(1)));
    assert!(wait_until(STOP_LIMIT, || !message.is_open()), "it is still shown");
    fixture.module.release_pinpad();
    fixture.assert_signed("a slow entry at the reader", &page.reply().await.1);
    fixture.module.assert_logins(1);
}

#[tokio::test]
async fn without_a_pinentry_the_reader_still_works() {
    let fixture = PinFixture::without_pinentry(TestToken::new());
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let mut page = fixture.bridge.connect().await;
    page.request("signData", fixture.without_pin()).await;
    let logged = wait_until(STOP_LIMIT, || fixture.bridge.log().contains("cannot tell the user"));
    assert!(logged, "{}", fixture.bridge.log());
    fixture.module.release_pinpad();
    fixture.assert_signed("without a pinentry", &page.reply().await.1);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}

#[tokio::test]
async fn the_page_gets_the_outcome_of_the_reader() {
    let fixture = PinFixture::new();
    let entries =
        [Entry::Fail(CKR_FUNCTION_CANCELED), Entry::Pin(WRONG_PIN.into()), Entry::Pin(PIN.into())];
    set_pinpad(&fixture, Pinpad::with_entries(entries));
    let mut page = fixture.bridge.connect().await;
    for _ in 0..3 {
        fixture.pinentry.answer(Answer::acknowledge().held());
    }
    let outcome = fixture.sign(&mut page).await;
    assert_error("cancelled at the reader", &outcome, CANCELLED, &["cancelled"]);
    assert_ckr("cancelled at the reader", &outcome, "CKR_FUNCTION_CANCELED");
    let outcome = fixture.sign(&mut page).await;
    assert_error("a wrong PIN at the reader", &outcome, WRONG, &["Wrong PIN"]);
    fixture.assert_signed("the right PIN", &fixture.sign(&mut page).await);
    let results: Vec<_> =
        fixture.module.calls_of("C_Login").iter().map(|call| call.result).collect();
    assert_eq!(results, [CKR_FUNCTION_CANCELED, CKR_PIN_INCORRECT, CKR_OK]);
    assert!(fixture.module.calls_of("C_Login").iter().all(|call| call.pin_len.is_none()));
}

#[tokio::test]
async fn the_user_may_use_the_last_try_at_the_reader() {
    let fixture = PinFixture::new();
    fixture.module.simulate(|token| token.tries = Some(2));
    let wrong = || Pinpad::typing(WRONG_PIN);
    set_pinpad(&fixture, wrong().held());
    let mut page = fixture.bridge.connect().await;
    for (expected, warning) in [(LAST_TRY, false), (LOCKED, true)] {
        let message = fixture.pinentry.answer(Answer::acknowledge().held());
        page.request("signData", fixture.without_pin()).await;
        let dialog = enter(&fixture, message, wrong());
        assert_error("a wrong PIN", &page.reply().await.1, expected, &[]);
        assert_eq!(dialog.description().contains("Last try"), warning, "{dialog:#?}");
    }
    assert_error("after it", &fixture.sign(&mut page).await, LOCKED, &["locked"]);
    fixture.module.assert_logins(2);
    fixture.pinentry.assert_dialogs(2);
}

#[tokio::test]
async fn native_pin_entry_works_with_the_reader() {
    let fixture = PinFixture::configured("pin_entry = \"native\"");
    set_pinpad(&fixture, Pinpad::typing(PIN));
    let mut page = fixture.bridge.connect().await;
    let outcome = fixture.sign_with(&mut page, PIN).await;
    assert_error("a PIN of the page", &outcome, NO_PIN, &["`pin`", "Leave it out"]);
    assert_eq!(fixture.module.count("C_Login"), 0);
    fixture.assert_signed("without one", &fixture.sign(&mut page).await);
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}

#[tokio::test]
async fn another_origin_needs_an_entry_of_its_own() {
    let fixture = PinFixture::new();
    let mut pages = Vec::new();
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let mut messages = Vec::new();
    for origin in [ORIGIN, OTHER] {
        messages.push(fixture.pinentry.answer(Answer::acknowledge().held()));
        let mut page = fixture.bridge.connect_as(origin).await;
        page.request("signData", fixture.without_pin()).await;
        pages.push(page);
        messages[0].opened();
    }
    // The other call waits for the dialog, and so for the reader.
    fixture.module.wait_for("C_GetTokenInfo", 3);
    assert_eq!(fixture.pinentry.dialogs().len(), 1);
    for ((page, message), origin) in pages.iter_mut().zip(messages).zip([ORIGIN, OTHER]) {
        let dialog = enter(&fixture, message, Pinpad::typing(PIN));
        fixture.assert_signed(origin, &page.reply().await.1);
        assert!(dialog.description().contains(origin), "{dialog:#?}");
        assert_message_closed(&fixture, &dialog);
    }
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN; 2]);
    let logins = fixture.module.logins();
    assert_ne!(logins[0].pid, logins[1].pid);
    assert_eq!(fixture.pinentry.max_open_dialogs(), 1);
}
