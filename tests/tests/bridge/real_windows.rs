//! The PIN dialogs in the windows of a real pinentry, with input from `xdotool`:
//! reports of wrong PINs and of the last try, and the message about a reader's pinpad.
//! Screenshots stay in `tests/artifacts`.

use std::time::Duration;

use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::test_module::Pinpad;
use pkcs11_bridge_tests::token::PIN;
use tokio::time::sleep;

use super::pin_fixture::{LAST_TRY, PinFixture, RIGHT_LOGIN, WRONG_LOGIN, wrong_pin};
use super::pinpad::set_pinpad;

fn enter(desktop: &Desktop, pin: &str, picture: &str) {
    desktop.wait_for_window();
    desktop.type_secret(pin);
    desktop.screenshot(picture);
    desktop.press("Return");
}

/// Types the digits that a window asks for before a further PIN.
fn type_digits(desktop: &Desktop, picture: &str) {
    desktop.wait_for_window();
    let [digits] = &desktop.shown_digits()[..] else { panic!("no digits") };
    desktop.type_text(digits);
    desktop.screenshot(picture);
    desktop.press("Return");
}

#[tokio::test]
async fn real_windows_report_wrong_pins_and_the_last_try() {
    let desktop = Desktop::start();
    let fixture = PinFixture::with_windows_on(&desktop);
    fixture.module.simulate(|token| token.tries = Some(3));
    let mut page = fixture.bridge.connect().await;
    page.request("signData", fixture.without_pin()).await;
    enter(&desktop, &wrong_pin(1), "window-1-pin");
    type_digits(&desktop, "window-2-digits");
    enter(&desktop, &wrong_pin(2), "window-2-wrong-pin");
    let outcome = page.reply().await.1;
    assert_error("two wrong PINs", &outcome, LAST_TRY, &["one try is left"]);
    desktop.wait_for_no_window();

    page.request("signData", fixture.without_pin()).await;
    type_digits(&desktop, "window-3-digits");
    enter(&desktop, PIN, "window-3-last-try");
    fixture.assert_signed("the right PIN", &page.reply().await.1);
    desktop.wait_for_no_window();
    assert_eq!(fixture.login_results(), [WRONG_LOGIN, WRONG_LOGIN, RIGHT_LOGIN]);
}

#[tokio::test]
async fn the_window_about_the_reader_closes_after_the_entry() {
    let desktop = Desktop::start();
    let fixture = PinFixture::with_windows_on(&desktop);
    set_pinpad(&fixture, Pinpad::typing(PIN).held());
    let mut page = fixture.bridge.connect().await;
    page.request("signData", fixture.without_pin()).await;
    desktop.wait_for_window();
    fixture.module.wait_until_blocked("C_Login", 1);
    // No event says that the window has been drawn.
    sleep(Duration::from_millis(300)).await;
    desktop.screenshot("window-4-pinpad");
    fixture.module.release_pinpad();
    fixture.assert_signed("the PIN on the reader", &page.reply().await.1);
    desktop.wait_for_no_window();
    assert_eq!(fixture.login_results(), [RIGHT_LOGIN]);
}
