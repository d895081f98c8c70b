//! The bridge's window, as a user knows it who has a keyboard and a screen reader (AT-SPI) only.

use pkcs11_bridge_tests::accessibility::{Accessibility, Control, Role};
use pkcs11_bridge_tests::bridge::{SOFTHSM, Setup};
use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::params::{sign_data, without};
use pkcs11_bridge_tests::token::{KeyType, MODULE, PIN, TestToken};
use tokio::time::sleep;

use crate::{NEW, PAUSE, TURN};

const WRONG_PIN: &str = "60718293";

#[tokio::test]
async fn a_screen_reader_and_a_keyboard_are_enough() {
    let _turn = TURN.lock().await;
    let token = TestToken::new();
    let desktop = Desktop::start();
    let reader = Accessibility::start(&desktop);
    let setup = Setup::new().token(&token).module(SOFTHSM, MODULE).own_window(&desktop);
    let bridge = setup.environment("DBUS_SESSION_BUS_ADDRESS", reader.session_bus()).start();
    let mut page = bridge.connect_as(NEW).await;
    let params = sign_data(&token, KeyType::Rsa2048.id(), "sha256");
    page.request("signData", without(&params, "pin")).await;

    desktop.wait_for_window();
    reader.wait_for(|control| is_button(control, "Allow"));
    let controls = reader.controls();
    for name in ["Block this site", "Deny", "Allow"] {
        assert!(controls.iter().any(|control| is_button(control, name)), "{controls:#?}");
    }
    assert!(controls.iter().any(|control| control.name == NEW), "{controls:#?}");
    assert_named(&controls);

    // The third button is *Allow*. A key only goes on to the digits.
    wait_until_live(&reader);
    (0..3).for_each(|_| desktop.press("Tab"));
    sleep(PAUSE).await;
    desktop.press("space");
    let digits = shown_digits(&reader, "To allow the site, type ");
    wait_until_live(&reader);
    desktop.type_text("0000");
    reader.wait_for(|control| control.name.contains("Those were other digits"));
    let other_digits = shown_digits(&reader, "To allow the site, type ");
    assert_ne!(digits, other_digits);
    desktop.type_text(&other_digits);

    desktop.wait_for_window();
    let field = reader.wait_for(|control| control.role == Role::PasswordText);
    assert_eq!(field.name, "PIN");
    assert_named(&reader.controls());
    wait_until_live(&reader);
    desktop.type_secret(WRONG_PIN);
    desktop.press("Return");

    desktop.wait_for_window();
    reader.wait_for(|control| control.name == "That PIN was wrong.");
    let digits = shown_digits(&reader, "first type ");
    wait_until_live(&reader);
    desktop.screenshot("desktop-6-own-wrong-pin");
    // Stray text is not taken for a PIN.
    desktop.type_secret(WRONG_PIN);
    desktop.press("Return");
    let digits_now = shown_digits(&reader, "first type ");
    assert_ne!(digits, digits_now);
    wait_until_live(&reader);
    desktop.type_text(&digits_now);
    reader.wait_for(|control| control.role == Role::PasswordText);
    desktop.type_secret(PIN);
    desktop.press("Return");
    page.reply().await.1.expect("a signature");
    desktop.wait_for_no_window();
}

/// Waits until the window takes input. It says so long as it does not.
pub fn wait_until_live(reader: &Accessibility) {
    reader.wait_until(|controls| {
        !controls.is_empty() && controls.iter().all(|control| !control.name.contains(WAIT))
    });
}

const WAIT: &str = "count in a moment";

pub fn is_button(control: &Control, name: &str) -> bool {
    control.role == Role::Button && control.name == name
}

/// Everything that a user reads or operates has a name.
fn assert_named(controls: &[Control]) {
    for control in controls {
        if !matches!(control.role, Role::Other(_)) {
            assert!(!control.name.is_empty(), "{control:?} in {controls:#?}");
        }
    }
}

/// The digits that the window asks for.
fn shown_digits(reader: &Accessibility, before: &str) -> String {
    let field = reader.wait_for(|control| control.name.contains(before));
    let (_, digits) = field.name.split_once(before).expect("digits");
    digits[..4].to_owned()
}
