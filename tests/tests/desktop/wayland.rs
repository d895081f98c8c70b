//! The bridge's window on Wayland. The user answers through a screen reader (AT-SPI), because the
//! compositor has no keyboard.

use pkcs11_bridge_tests::accessibility::Accessibility;
use pkcs11_bridge_tests::bridge::Setup;
use pkcs11_bridge_tests::desktop::Desktop;
use pkcs11_bridge_tests::outcome::assert_error;
use pkcs11_bridge_tests::wayland::Wayland;
use serde_json::json;

use super::accessibility::{is_button, wait_until_live};
use crate::{NEW, TURN};

#[tokio::test]
async fn the_window_asks_on_wayland() {
    let _turn = TURN.lock().await;
    // The registry of AT-SPI needs an X server. The bridge does not know of it.
    let desktop = Desktop::start();
    let (wayland, reader) = (Wayland::start(), Accessibility::start(&desktop));
    let setup = Setup::new().environment("WAYLAND_DISPLAY", wayland.display());
    let bridge = setup.environment("DBUS_SESSION_BUS_ADDRESS", reader.session_bus()).start();
    for (button, allowed) in [("Deny", false), ("Allow", true)] {
        let origin = if allowed { "https://other.example" } else { NEW };
        let mut page = bridge.connect_as(origin).await;
        page.request("hello", json!({})).await;
        reader.wait_for(|control| is_button(control, button));
        wait_until_live(&reader);
        reader.press(|control| is_button(control, button));
        let outcome = page.reply().await.1;
        if allowed {
            outcome.expect("the user allowed it");
        } else {
            assert_error("the user denied it", &outcome, (401, "500"), &[origin]);
        }
    }
}
